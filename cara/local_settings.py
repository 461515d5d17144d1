"""The settings of `cara dev`, `cara demo` and `cara evaluate`, which start whatever is not set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cara.setting_values import (
    GEMINI_MODEL,
    DatabaseUrl,
    GeminiKey,
    HttpUrl,
    RedisUrl,
    ThinkingLevel,
    requested_level,
)
from cara.settings import masked_settings, unsafe_settings


class LocalSettings(BaseSettings):
    """Settings that may all be missing."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    environment: Literal["development", "test", "production"] = Field("development", alias="CARA_ENV")
    cara_data_dir: Path = Path(".cara")
    host: str = "127.0.0.1"
    port: int = Field(3001, ge=0, le=65535)
    metrics_port: int | None = Field(None, ge=0, le=65535)
    database_url: DatabaseUrl | None = None
    redis_url: RedisUrl | None = None
    jwt_secret: SecretStr | None = None
    gemini_api_key: GeminiKey | None = None
    gemini_base_url: HttpUrl | None = None
    gemini_model: str = GEMINI_MODEL
    gemini_thinking_level: ThinkingLevel = "low"
    worker_drain_seconds: int = Field(2, gt=0, le=3_600)
    """Short, because unfinished jobs continue at the next start."""

    @property
    def thinking_level(self) -> str | None:
        """As in `Settings`."""
        return requested_level(self.gemini_thinking_level)

    def masked(self) -> dict[str, str]:
        """Returns the settings for display, without secrets and without passwords in URLs."""
        return masked_settings(self)


def read_local_settings() -> LocalSettings:
    """Returns the settings from the environment and `.env`.

    Raises:
        UnsafeSettings: a value is malformed; the error names all of them.
    """
    try:
        return LocalSettings()
    except ValidationError as error:
        raise unsafe_settings(error) from None
