"""Tells the operator of failures that nobody else can put right."""

from __future__ import annotations

import logging

from cara.gemini.errors import GeminiError, GeminiMisconfigured, GeminiRefused

logger = logging.getLogger(__name__)


def log_operator_error(error: GeminiError) -> None:
    """Logs as an error, which alerts, what is neither the learner's fault nor a passing trouble."""
    if isinstance(error, GeminiMisconfigured):
        logger.error("gemini is not set up correctly: %s", error.cause)
    elif isinstance(error, GeminiRefused):
        logger.error("gemini could not work with a request: %s", error.cause)
