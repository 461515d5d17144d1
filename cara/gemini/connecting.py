"""The Gemini client that the settings describe."""

from __future__ import annotations

from cara.gemini.client import GeminiClient, GeminiLimits
from cara.settings import Settings


def connect_gemini(settings: Settings) -> GeminiClient:
    """One client a process; it connects at the first call."""
    return GeminiClient(
        api_key=settings.gemini_api_key.get_secret_value() if settings.gemini_api_key else "missing",
        model=settings.gemini_model,
        base_url=settings.gemini_base_url,
        limits=GeminiLimits(
            deadline_seconds=settings.gemini_deadline_seconds,
            first_token_seconds=settings.gemini_first_token_seconds,
            between_chunks_seconds=settings.gemini_between_chunks_seconds,
            max_in_flight=settings.gemini_max_in_flight,
            slot_wait_seconds=settings.gemini_slot_wait_seconds,
            attempts=settings.gemini_attempts,
            breaker_failures=settings.gemini_breaker_failures,
            breaker_cooldown_seconds=settings.gemini_breaker_cooldown_seconds,
        ),
    )
