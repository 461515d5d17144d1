"""Settings: all errors are reported at once, secrets are masked, and every setting is documented."""

from __future__ import annotations

import base64
import json
import random
import re
import secrets
import string
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

import cara
from cara.local_settings import LocalSettings
from cara.production_rules import EXAMPLE_SIGNING_KEY
from cara.setting_values import mask_url
from cara.settings import Settings, UnsafeSettings, read_settings
from cara.typed_keys import lacks_randomness

REPOSITORY = Path(cara.__file__).parents[1]
NEEDED = {
    "DATABASE_URL": "postgresql://localhost/cara",
    "REDIS_URL": "redis://localhost",
    "JWT_SECRET": "a-secret-of-more-than-thirty-two-bytes",
}
RANDOM = "kV3-xq81ZbTnW0ycRf7LmPzE5uHdJ29sAoGi6XtvQwk"
IN_PRODUCTION = {
    "CARA_ENV": "production",
    "JWT_SECRET": RANDOM,
    "GEMINI_API_KEY": "key",
    "FRONTEND_URL": "https://app.example.com",
}


EVERY_OTHER_16 = ",".join(f"{first}.{second}.0.0/16" for first in (52, 54, 56) for second in range(0, 256, 2))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in variables():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def variables() -> set[str]:
    """All environment variables that Cara reads."""
    names = {name.upper() for model in (Settings, LocalSettings) for name in model.model_fields}
    return names - {"ENVIRONMENT"} | {"CARA_ENV"}


def settings_with(monkeypatch: pytest.MonkeyPatch, **changes: str) -> Settings:
    for variable, value in {**NEEDED, **changes}.items():
        monkeypatch.setenv(variable, value)
    return read_settings()


def test_all_missing_and_malformed_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("REDIS_URL", "http://localhost")
    monkeypatch.setenv("FRONTEND_URL", "app.example.com")
    with pytest.raises(UnsafeSettings) as refused:
        read_settings()
    problems = "\n".join(refused.value.problems)
    for part in ("PORT: ", "REDIS_URL: must begin with", "FRONTEND_URL: ", "DATABASE_URL is missing"):
        assert part in problems
    assert "JWT_SECRET is missing" in problems


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"JWT_SECRET": "short"}, "JWT_SECRET: must be at least 32 bytes long in production"),
        ({"JWT_SECRET": f"{RANDOM},short"}, "JWT_SECRET: must be at least 32 bytes"),
        ({"JWT_SECRET": f"{RANDOM},{'changeme' * 5}"}, "JWT_SECRET: must be random in production"),
        ({"JWT_SECRET": EXAMPLE_SIGNING_KEY}, "JWT_SECRET: must not be the value from .env.example"),
        ({"JWT_SECRET": " , "}, "JWT_SECRET: must hold at least one key"),
        ({"GEMINI_API_KEY": ""}, "GEMINI_API_KEY: is required in production"),
        ({"GEMINI_API_KEY": "your-gemini-api-key"}, "GEMINI_API_KEY: must be a key of Gemini"),
        ({"GEMINI_API_KEY": "<key>"}, "GEMINI_API_KEY: must be a key of Gemini"),
        ({"GEMINI_API_KEY": "changeme"}, "GEMINI_API_KEY: must be a key of Gemini"),
        ({"GEMINI_API_KEY": "xxxxxxxx"}, "GEMINI_API_KEY: must be a key of Gemini"),
        ({"FRONTEND_URL": ""}, "FRONTEND_URL: must be set to origins with https://"),
        ({"FRONTEND_URL": ","}, "FRONTEND_URL: must be set to origins with https://"),
        ({"FRONTEND_URL": "https://a.example.com,http://b.example.com"}, "not http://b.example.com"),
        ({"FRONTEND_URL": "http://localhost:3000"}, "FRONTEND_URL: must be set to origins with https://"),
        ({"FRONTEND_URL": "https://app.example.com,*"}, "FRONTEND_URL: must name exact origins"),
        ({"FRONTEND_URL": "https://*.example.com"}, "FRONTEND_URL: must name exact origins"),
        ({"RATE_LIMITS": "off"}, "RATE_LIMITS: must be on in production"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, "TRUSTED_PROXIES: must name the proxies in production"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES: must name the proxies in production"),
        ({"TRUSTED_PROXIES": "0.0.0.0/1,128.0.0.0/1"}, "TRUSTED_PROXIES: must name the proxies"),
        ({"TRUSTED_PROXIES": EVERY_OTHER_16}, "TRUSTED_PROXIES: must name the proxies in production"),
        ({"TRUSTED_PROXIES": "2000::/3"}, "TRUSTED_PROXIES: must name the proxies in production"),
        ({"TRUSTED_PROXIES": "::ffff:0:0/96"}, "TRUSTED_PROXIES: must name the proxies in production"),
        ({"PASSWORD_TIME_COST": "1"}, "PASSWORD_MEMORY_KIB: must be at least 47104 in production with"),
        ({"PASSWORD_MEMORY_KIB": "19455"}, "PASSWORD_MEMORY_KIB: must be at least 19456 in production with"),
        ({"PASSWORD_TIME_COST": "9", "PASSWORD_MEMORY_KIB": "7167"}, "must be at least 7168"),
        ({"ACCESS_TOKEN_SECONDS": "3601"}, "ACCESS_TOKEN_SECONDS: must be at most 3600 in production"),
        ({"GEMINI_BASE_URL": "http://gemini.example.com"}, "GEMINI_BASE_URL: must begin with https://"),
        ({"SENTRY_DSN": "http://key@sentry.example.com/1"}, "SENTRY_DSN: must begin with https://"),
    ],
)
def test_production_refuses_unsafe_settings(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], problem: str
) -> None:
    with pytest.raises(UnsafeSettings, match=re.escape(problem)) as refused:
        settings_with(monkeypatch, **{**IN_PRODUCTION, **changes})
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12,fd00::/8,100.64.0.0/10"},
        {"TRUSTED_PROXIES": "104.16.0.0/13,172.64.0.0/13,131.0.72.0/22,2400:cb00::/32,2a06:98c0::/29"},
        {"PASSWORD_TIME_COST": "1", "PASSWORD_MEMORY_KIB": "47104"},
        {"PASSWORD_TIME_COST": "5", "PASSWORD_MEMORY_KIB": "7168", "PASSWORD_PARALLELISM": "4"},
        {"ACCESS_TOKEN_SECONDS": "3600"},
        {"GEMINI_BASE_URL": "http://127.0.0.1:9000", "SENTRY_DSN": "http://key@sentry:9000/1"},
        {"GEMINI_BASE_URL": "http://gateway.internal", "SENTRY_DSN": "https://key@sentry.example.com/1"},
    ],
)
def test_production_accepts_what_is_safe(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]) -> None:
    assert settings_with(monkeypatch, **{**IN_PRODUCTION, **changes}).production


@pytest.mark.parametrize(
    "make",
    [
        lambda chance: base64.urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("="),
        lambda chance: chance.randbytes(32).hex(),
        lambda chance: base64.b64encode(chance.randbytes(32)).decode(),
        lambda chance: chance.randbytes(16).hex(),
        lambda chance: base64.urlsafe_b64encode(chance.randbytes(48)).decode(),
        lambda chance: str(uuid.UUID(bytes=chance.randbytes(16), version=4)),
        lambda chance: "".join(chance.choices(string.ascii_letters + string.digits, k=32)),
        lambda chance: base64.b64encode(chance.randbytes(16).hex().encode()).decode(),
    ],
    ids=["urlsafe", "hex", "base64", "16 bytes", "64 characters", "UUID", "letters and digits", "twice"],
)
def test_random_keys_are_told_from_typed_ones(make: Callable[[random.Random], str]) -> None:
    """The same keys each time: of letters alone, one of many thousands looks like words."""
    chance = random.Random(1)
    assert not [key for key in (make(chance) for _ in range(1_250)) if lacks_randomness(key)]


@pytest.mark.parametrize(
    "typed",
    [
        "a" * 40,
        "é" * 20,
        "0" * 31 + "1",
        "1234567890" * 4,
        "0123456789abcdef" * 2,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        "deadbeef" * 4,
        "secret" * 6,
        "P@ssw0rd" * 4,
        "change-me-change-me-change-me-now",
        "password-password-password-12345",
        "my-super-secret-jwt-signing-key-for-production",
        "YourSuperSecretKeyThatShouldBeAtLeast32CharactersLong!",
        "this-is-a-secret-key-do-not-share-it-2026",
        "this-is-a-very-long-secret-key-that-nobody-knows",
        "the quick brown fox jumps over the lazy dog",
        "CALL_ME_ISHMAEL_SOME_YEARS_AGO_NEVER_MIND",
        "ThisIsMySecretKeyForJwtTokens!@#$",
        "CorrectHorseBatteryStaple1234567890",
        "replace_with_output_of_openssl_rand_hex_32",
        "<paste the output of openssl rand here>",
        "$(openssl rand -base64 48) but literally!",
        "{{ .Values.cara.authentication.jwtSecret }}",
        "https://app.example.com/api/auth/login",
        "31415926535897932384626433832795028841971",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        base64.b64encode(EXAMPLE_SIGNING_KEY.encode()).decode(),
        base64.b64encode(b"the quick brown fox jumps over it\n").decode().rstrip("="),
        EXAMPLE_SIGNING_KEY.encode().hex(),
        base64.b32encode(b"correct horse battery staple").decode(),
        "ежиквтуманеискаллошадьвсюночь",
    ],
)
def test_a_typed_key_is_refused_in_production(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    with pytest.raises(UnsafeSettings, match="JWT_SECRET: must be random in production"):
        settings_with(monkeypatch, **{**IN_PRODUCTION, "JWT_SECRET": typed})


def test_what_is_deployed_as_described_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose and Heroku, with what their operators are told to fill in."""
    filled_in = {"JWT_SECRET": secrets.token_hex(32), **IN_PRODUCTION}
    shared = (REPOSITORY / "docker-compose.yml").read_text().partition("services:")[0]
    shared = re.sub(r"\$\{POSTGRES_PASSWORD[^}]*\}", "hidden", shared)
    shared = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", shared)
    compose = re.findall(r'^    ([A-Z_]+): "?([^"\n]+)', shared, re.MULTILINE)
    example = re.findall(r"^([A-Z_]+)=(.+)$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE)
    heroku = json.loads((REPOSITORY / "app.json").read_text())["env"]
    for given in (
        {**dict(example), **filled_in, **dict(compose)},
        {**filled_in, **{name: entry["value"] for name, entry in heroku.items() if "value" in entry}},
    ):
        with monkeypatch.context() as environment:
            assert settings_with(environment, **given).production


def test_rules_for_production_are_reported_together_with_malformed_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UnsafeSettings) as refused:
        settings_with(monkeypatch, CARA_ENV="production", JWT_SECRET="short", PORT="70000")
    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "PORT",
        "FRONTEND_URL",
        "JWT_SECRET",
        "GEMINI_API_KEY",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("REDIS_URL", "redis://cache:abc", "must have a port from 1 to 65535"),
        ("REDIS_URL", "redis+sentinel://:secret@a:1,b:70000/main", "must have a port from 1 to 65535"),
        ("DATABASE_URL", "postgresql://cara:p:w@db:0/cara", "must have a port from 1 to 65535"),
        ("DATABASE_URL", "postgresql://db/cara?channel_binding=require", "which asyncpg cannot do"),
        ("DATABASE_URL", "postgresql://db/cara?require_auth=scram-sha-256", "must not have require_auth"),
        ("SENTRY_DSN", "nonsense", "must be a Sentry DSN"),
        ("GEMINI_BASE_URL", "nonsense", "must be a URL such as"),
        ("FRONTEND_URL", "https://app.example.com/practice", "must be origins such as"),
        ("FRONTEND_URL", "https://*.example.com", "must be origins such as"),
        ("FRONTEND_URL", "https://user:secret@app.example.com", "must be origins such as"),
        ("FRONTEND_URL", "https://app.example.com:99999", "must be origins such as"),
        ("FRONTEND_URL", "https://app.example.com:abc", "must be origins such as"),
        ("FRONTEND_URL", "https://app.example.com:0", "must have a port from 1 to 65535"),
        ("FRONTEND_URL", "https://a b.example", "must be origins such as"),
        ("FRONTEND_URL", "https://[::1", "must be origins such as"),
        ("FRONTEND_URL", "https://a..example", "must be origins such as"),
        ("FRONTEND_URL", "https://a.example;https://b.example", "must be origins such as"),
        ("GEMINI_API_KEY", "  ", "is missing: it holds blanks alone"),
        ("PASSWORD_PARALLELISM", "100000", "less than or equal to 64"),
        ("PASSWORD_MEMORY_KIB", "100000000", "less than or equal to 1048576"),
        ("RATE_LIMIT_USER", "10/1000000 years", "in at most a year"),
        ("STORAGE_BYTES_PER_DAY", "1000000", "greater than or equal to 4000000"),
        ("SWEEP_SECONDS", "7", "must divide a minute"),
        ("ROLLUP_SECONDS", "3600", "must divide a minute"),
        ("REFRESH_GRACE_SECONDS", "inf", "less than or equal to 300"),
        ("ACCESS_TOKEN_SECONDS", "1000000", "less than or equal to 86400"),
        ("JOB_LEASE_SECONDS", "inf", "less than or equal to 3600"),
        ("JOB_LEASE_SECONDS", "0", "greater than 0"),
        ("GEMINI_DEADLINE_SECONDS", "0", "greater than 0"),
        ("DAILY_TOKEN_QUOTA", "0", "greater than 0"),
        ("DATABASE_POOL_SIZE", "0", "greater than 0"),
        ("AUDIT_RETENTION_DAYS", "0", "greater than 0"),
        ("ANALYTICS_RETENTION_DAYS", "61", "greater than or equal to 62"),
        ("ACCESS_TOKEN_SECONDS", "0", "greater than 0"),
        ("REFRESH_GRACE_SECONDS", "-1", "greater than or equal to 0"),
        ("REFRESH_GRACE_SECONDS", "301", "less than or equal to 300"),
        ("PASSWORD_MEMORY_KIB", "7", "greater than or equal to 8"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("PORT", "-1", "greater than or equal to 0"),
        ("METRICS_PORT", "65536", "less than or equal to 65535"),
        ("SWEEP_SECONDS", "0", "greater than 0"),
        ("SWEEP_SECONDS", "-5", "greater than 0"),
        ("RATE_LIMIT_USER", "0/minute", "must be one limit of at least one request"),
        ("RATE_LIMIT_USER", "5/second;20/minute", "must be one limit of at least one request"),
        ("RATE_LIMIT_USER", "many", "couldn't parse rate limit string 'many'"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set"),
        ("TRUSTED_PROXIES", "proxy.example.com", "does not appear to be an IPv4 or IPv6 network"),
        ("GEMINI_THINKING_LEVEL", "none", "'default', 'minimal', 'low', 'medium' or 'high'"),
        ("CARA_ENV", "staging", "'development', 'test' or 'production'"),
        ("DATABASE_URL", "mysql://localhost/cara", "must begin with postgresql:// or postgres://"),
    ],
)
def test_errors_of_malformed_settings_name_the_variable_and_hold_no_secret(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str
) -> None:
    with pytest.raises(UnsafeSettings) as refused:
        settings_with(monkeypatch, **{variable: value})
    (message,) = refused.value.problems
    assert message.startswith(f"{variable}: ")
    assert problem in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRONTEND_URL", "https://xn--bcher-kva.example"),
        ("FRONTEND_URL", "https://[::1]:65535"),
        ("SIGN_IN_DAYS", "400"),
        ("PORT", "0"),
        ("PORT", "65535"),
        ("ACCESS_TOKEN_SECONDS", "1"),
        ("ACCESS_TOKEN_SECONDS", "86400"),
        ("REFRESH_GRACE_SECONDS", "0"),
        ("REFRESH_GRACE_SECONDS", "300"),
        ("PASSWORD_MEMORY_KIB", "8"),
        ("ANALYTICS_RETENTION_DAYS", "62"),
        ("DAILY_TOKEN_QUOTA", "1"),
        ("SWEEP_SECONDS", "60"),
        ("RATE_LIMIT_USER", "1/hour"),
        ("GEMINI_BASE_URL", "http://[::1]:65535"),
        ("REDIS_URL", "redis://cache:1"),
        ("REDIS_URL", "rediss+sentinel://a:1,b/main"),
    ],
)
def test_the_last_value_within_each_bound_is_accepted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    shown = settings_with(monkeypatch, **{variable: value}).masked()[variable.lower()]
    assert shown.removesuffix(".0") == value


@pytest.mark.parametrize(("bytes_", "accepted"), [(31, False), (32, True)])
def test_a_signing_key_of_32_bytes_is_long_enough_for_production(
    monkeypatch: pytest.MonkeyPatch, bytes_: int, accepted: bool
) -> None:
    """Its bytes count, not its characters."""
    keys = RANDOM[:bytes_], f"é{RANDOM[: bytes_ - 2]}"
    for key in keys:
        try:
            settings_with(monkeypatch, **{**IN_PRODUCTION, "JWT_SECRET": key})
        except UnsafeSettings:
            assert not accepted
        else:
            assert accepted


@pytest.mark.parametrize(
    ("environment", "console", "enabled"),
    [
        ("development", None, True),
        ("development", "off", False),
        ("production", None, False),
        ("production", "on", True),
    ],
)
def test_the_console_is_served_by_default_except_in_production(
    monkeypatch: pytest.MonkeyPatch, environment: str, console: str | None, enabled: bool
) -> None:
    chosen = {"CONSOLE": console} if console else {}
    settings = settings_with(monkeypatch, **{**IN_PRODUCTION, "CARA_ENV": environment, **chosen})
    assert settings.console_enabled is enabled


def test_lists_are_separated_by_commas_and_origins_have_no_slash_at_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_with(
        monkeypatch,
        FRONTEND_URL=" https://app.example.com/ ,http://localhost:3000,",
        TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.1,2001:db8::/32",
    )
    assert settings.frontend_url == ("https://app.example.com", "http://localhost:3000")
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32")


def test_an_origin_is_taken_as_browsers_send_it(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = "HTTPS://App.Example.com:443/,https://Bücher.example:8443"
    settings = settings_with(monkeypatch, **{**IN_PRODUCTION, "FRONTEND_URL": typed})
    assert settings.frontend_url == ("https://app.example.com", "https://xn--bcher-kva.example:8443")


def test_no_number_is_too_large_for_what_it_is_used_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is out of bounds is told at the start, all at once, and not by errors in answers."""
    numbers = [
        name
        for name, field in Settings.model_fields.items()
        if type(field.default) in (int, float) or name in ("drain_seconds", "metrics_port")
    ]
    huge = {name.upper(): str(10**18) for name in numbers}
    with pytest.raises(UnsafeSettings) as refused:
        settings_with(monkeypatch, **huge)
    assert {problem.split(":")[0] for problem in refused.value.problems} == huge.keys()


def test_argon2_needs_memory_for_each_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsafeSettings, match="PASSWORD_PARALLELISM: must be at most an eighth"):
        settings_with(monkeypatch, PASSWORD_MEMORY_KIB="8", PASSWORD_PARALLELISM="2")


def test_settings_stay_as_they_were_read_and_other_variables_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=of-another-program\n")
    settings = settings_with(monkeypatch)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///cara?host=/run/postgresql",
        "postgresql://cara:p%40w@[::1]:5432/cara",
        "postgres://a:5432,b:5433/cara",
    ],
)
def test_database_urls_of_every_form_are_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert settings_with(monkeypatch, DATABASE_URL=url).database_url.get_secret_value() == url


def test_development_accepts_a_short_secret_and_no_gemini_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(monkeypatch, JWT_SECRET="short").gemini_api_key is None
    assert settings_with(monkeypatch, **IN_PRODUCTION).production


def test_development_by_default_is_worth_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings_with(monkeypatch).warn_of_default_environment()
    assert caplog.messages == ["CARA_ENV is not set: development rules apply"]
    caplog.clear()
    settings_with(monkeypatch, CARA_ENV="development").warn_of_default_environment()
    monkeypatch.delenv("CARA_ENV")
    (tmp_path / ".env").write_text("CARA_ENV=development\n")
    settings_with(monkeypatch).warn_of_default_environment()
    assert caplog.messages == []


def test_signing_keys_are_read_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = settings_with(monkeypatch, JWT_SECRET="new, old,").signing_keys
    assert [key.secret for key in keys] == ["new", "old"]
    assert keys[0].kid != keys[1].kid


@pytest.mark.parametrize(("value", "level"), [("default", None), ("minimal", "minimal"), ("high", "high")])
def test_the_thinking_level_is_set_or_left_to_the_model(
    monkeypatch: pytest.MonkeyPatch, value: str, level: str | None
) -> None:
    assert settings_with(monkeypatch, GEMINI_THINKING_LEVEL=value).thinking_level == level


def test_the_environment_takes_precedence_over_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=4000\nHOST=0.0.0.0\nGEMINI_MODEL=\n")
    settings = settings_with(monkeypatch, PORT="5000")
    assert (settings.port, settings.host) == (5000, "0.0.0.0")
    assert settings.gemini_model == "gemini-3.8-flash", "an empty variable counts as not set"


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "DATABASE_URL": "postgresql://cara:hidden-1@db:5432/cara?sslmode=require",
        "REDIS_URL": "rediss://:hidden-2@cache:6379/0",
        "JWT_SECRET": "hidden-3",
        "GEMINI_API_KEY": "hidden-4",
        "SENTRY_DSN": "https://hidden-5@sentry.example.com/1",
    }
    settings = settings_with(monkeypatch, **secrets)
    for shown in (settings.masked(), settings, str(settings), repr(settings)):
        assert "hidden" not in str(shown)
    assert settings.masked()["database_url"] == "postgresql://cara:********@db:5432/cara?sslmode=require"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("unix:///run/valkey.sock?db=1", "unix:///run/valkey.sock?db=1"),
        ("postgresql://cara@/cara?host=/run/pg", "postgresql://cara@/cara?host=/run/pg"),
        (
            "postgresql://db/cara?user=u&password=p%40&x=1",
            "postgresql://db/cara?user=u&password=********&x=1",
        ),
        ("postgresql://u:p@ss/w@db/cara", "postgresql://u:********@db/cara"),
        ("redis+sentinel://:p@a:1,b:2/main", "redis+sentinel://:********@a:1,b:2/main"),
    ],
)
def test_passwords_in_urls_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    documented = dict(rows)
    assert documented.keys() == variables()
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, str | int | float):
            variable = "CARA_ENV" if name == "environment" else name.upper()
            assert f"`{default}`" in documented[variable], f"{variable} is {default} unless it is set"


def test_the_example_file_names_only_existing_settings_and_holds_no_secret() -> None:
    text = (REPOSITORY / ".env.example").read_text()
    named = set(re.findall(r"^#? ?([A-Z_]+)=", text, re.MULTILINE))
    assert named <= variables() | {"POSTGRES_PASSWORD"}
    assert named >= {
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_SECRET",
        "GEMINI_API_KEY",
        "FRONTEND_URL",
        "SENTRY_DSN",
    }
    assert re.search(r"^GEMINI_API_KEY=$", text, re.MULTILINE)
