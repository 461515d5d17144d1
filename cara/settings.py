"""Settings: one frozen object, read once from the environment and `.env`, and checked for production."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cara import production_rules
from cara.setting_values import (
    GEMINI_MODEL,
    Bytes,
    Count,
    DatabaseUrl,
    GeminiKey,
    HttpUrl,
    MinuteFraction,
    RateLimit,
    RedisUrl,
    RetentionDays,
    Seconds,
    SentryDsn,
    SessionDays,
    ThinkingLevel,
    Tokens,
    mask_value,
    origin_of,
    requested_level,
)

logger = logging.getLogger(__name__)


class UnsafeSettings(Exception):
    """The settings are missing, malformed or unsafe; `problems` names each setting and its error."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class SigningKey:
    """A key that signs access tokens; `kid` identifies it without revealing the secret."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.kid = hashlib.sha256(b"cara-kid:" + secret.encode()).hexdigest()[:12]


def signing_keys(ring: SecretStr) -> tuple[SigningKey, ...]:
    """Returns the keys of a comma-separated key ring, newest first."""
    secrets = [secret.strip() for secret in ring.get_secret_value().split(",")]
    return tuple(SigningKey(secret) for secret in secrets if secret)


class Settings(BaseSettings):
    """The settings of the web process and the worker.

    Each field is read from the environment variable of the same name in capitals. The rules for production
    are validators of single fields, because pydantic validates a model as a whole only if all its fields are
    valid: so all errors are reported at once.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    environment: Literal["development", "test", "production"] = Field("development", alias="CARA_ENV")
    host: str = "127.0.0.1"
    port: int = Field(3001, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65535)
    drain_seconds: float | None = Field(None, ge=0, le=600)
    frontend_url: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://localhost:3000", "http://localhost:5173"), validate_default=True
    )

    database_url: DatabaseUrl
    database_pool_size: Count = 10
    database_acquire_seconds: Seconds = 3
    database_seconds: Seconds = 4
    database_lock_seconds: Seconds = 3
    database_statement_seconds: Seconds = 15
    database_session_limits: Literal["on", "off"] = "on"
    redis_url: RedisUrl
    redis_pool_size: Count = 50

    jwt_secret: SecretStr
    access_token_seconds: int = Field(900, gt=0, le=86_400)
    refresh_token_days: SessionDays = 30
    sign_in_days: SessionDays = 90
    refresh_grace_seconds: float = Field(20, ge=0, le=300)
    refresh_cookie_samesite: Literal["strict", "lax", "none"] = "strict"
    password_time_cost: int = Field(2, gt=0, le=100)
    password_memory_kib: int = Field(19_456, ge=8, le=2**20, validate_default=True)
    password_parallelism: int = Field(1, gt=0, le=64)
    password_threads: int = Field(2, gt=0, le=64)
    password_queue: Count = 64
    audit_retention_days: RetentionDays = 365

    gemini_api_key: GeminiKey | None = Field(None, validate_default=True)
    gemini_model: str = GEMINI_MODEL
    gemini_base_url: HttpUrl | None = None
    gemini_deadline_seconds: Seconds = 90
    gemini_first_token_seconds: Seconds = 30
    gemini_between_chunks_seconds: Seconds = 20
    gemini_max_in_flight: Count = 64
    gemini_slot_wait_seconds: Seconds = 5
    gemini_attempts: Count = 3
    gemini_breaker_failures: Count = 5
    gemini_breaker_cooldown_seconds: Seconds = 10
    gemini_thinking_level: ThinkingLevel = "low"
    gemini_max_output_tokens: Tokens = 1_024
    gemini_history_tokens: Tokens = 4_000

    daily_token_quota: Tokens = 50_000
    rate_limits: Literal["on", "off"] = "on"
    rate_limit_address: RateLimit = "100/15 minutes"
    rate_limit_sign_in: RateLimit = "10/minute"
    rate_limit_user: RateLimit = "300/minute"
    rate_limit_gemini: RateLimit = "20/minute"
    connections_per_address: int = Field(256, gt=0, le=1_000_000)
    event_streams_per_learner: Count = 20
    storage_bytes_per_day: Annotated[Bytes, Field(ge=4_000_000)] = 50_000_000
    download_disk_bytes: Bytes = 1_000_000_000
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()

    worker_max_jobs: Count = 20
    worker_fleet: Count = 10
    worker_drain_seconds: int = Field(30, gt=0, le=3_600)
    job_lease_seconds: Seconds = 30
    job_attempts: Count = 5
    sweep_seconds: MinuteFraction = 10
    rollup_seconds: MinuteFraction = 5
    analytics_retention_days: Annotated[RetentionDays, Field(ge=62)] = 400

    sentry_dsn: SentryDsn | None = None
    console: Literal["on", "off"] | None = None

    @field_validator("frontend_url", "trusted_proxies", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("frontend_url")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if _in_production(info):
            production_rules.check_wildcards(origins)
        exact = tuple(origin if origin == "*" else origin_of(origin) for origin in origins)
        if _in_production(info):
            production_rules.check_origins(exact)
        return exact

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, networks: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        proxies = [ip_network(network) for network in networks]
        if _in_production(info):
            production_rules.check_proxies(proxies)
        return tuple(map(str, proxies))

    @field_validator("jwt_secret")
    @classmethod
    def _check_signing_keys(cls, ring: SecretStr, info: ValidationInfo) -> SecretStr:
        secrets = [key.secret for key in signing_keys(ring)]
        if not secrets:
            raise ValueError("must hold at least one key")
        if _in_production(info):
            production_rules.check_signing_keys(secrets)
        return ring

    @field_validator("password_parallelism")
    @classmethod
    def _check_lanes(cls, lanes: int, info: ValidationInfo) -> int:
        if 8 * lanes > info.data.get("password_memory_kib", 8 * lanes):
            raise ValueError("must be at most an eighth of PASSWORD_MEMORY_KIB, as argon2 needs")
        return lanes

    @field_validator(
        "access_token_seconds",
        "password_memory_kib",
        "gemini_api_key",
        "gemini_base_url",
        "rate_limits",
        "sentry_dsn",
    )
    @classmethod
    def _check_for_production(cls, value: Any, info: ValidationInfo) -> Any:
        if _in_production(info):
            production_rules.check(str(info.field_name), value, info.data)
        return value

    @property
    def production(self) -> bool:
        """Whether the rules for production apply."""
        return self.environment == "production"

    def warn_of_default_environment(self) -> None:
        """Logs one line if the rules for development apply only because `CARA_ENV` is not set."""
        if "environment" not in self.model_fields_set:
            logger.warning("CARA_ENV is not set: development rules apply")

    @property
    def console_enabled(self) -> bool:
        """Whether the console is served: as `CONSOLE` says, or by default everywhere except in production."""
        return self.console == "on" or (self.console is None and not self.production)

    @property
    def seconds_to_drain(self) -> float:
        """How long a stopping web process answers on: as `DRAIN_SECONDS` says, or else 5 s in production.

        That is what load balancers need to notice; a developer's machine has none.
        """
        return self.drain_seconds if self.drain_seconds is not None else 5.0 * self.production

    @property
    def thinking_level(self) -> str | None:
        """The thinking level to request of Gemini; None requests the model's default."""
        return requested_level(self.gemini_thinking_level)

    @property
    def signing_keys(self) -> tuple[SigningKey, ...]:
        """The keys in `JWT_SECRET`, newest first: the first one signs, all of them verify."""
        return signing_keys(self.jwt_secret)

    def masked(self) -> dict[str, str]:
        """Returns the effective settings for display, without secrets and without passwords in URLs."""
        return masked_settings(self)


def masked_settings(settings: BaseSettings) -> dict[str, str]:
    """Returns the value of each setting for display, by name."""
    return {name: mask_value(name, getattr(settings, name)) for name in type(settings).model_fields}


def read_settings(**overrides: Any) -> Settings:
    """Reads the settings of this process.

    Raises:
        UnsafeSettings: settings are missing, malformed or unsafe; the error names all of them.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise unsafe_settings(error) from None


def _in_production(info: ValidationInfo) -> bool:
    """Returns whether the environment is production.

    It is the first field, so that all validators know it.
    """
    return info.data.get("environment") == "production"


def unsafe_settings(error: ValidationError) -> UnsafeSettings:
    """Returns the validation errors as sentences that name the environment variables."""
    return UnsafeSettings([_sentence(item) for item in error.errors()])


def _sentence(error: Mapping[str, Any]) -> str:
    field = str(error["loc"][0])
    variable = "CARA_ENV" if field == "environment" else field.upper()
    if error["type"] == "missing":
        return f"{variable} is missing"
    return f"{variable}: {str(error['msg']).removeprefix('Value error, ')}"
