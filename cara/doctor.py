"""`cara doctor`: the effective settings, and a check of everything that Cara depends on."""

from __future__ import annotations

import asyncio

import asyncpg
from redis.asyncio import Redis
from rich.console import Console
from sentry_sdk.utils import Dsn

from cara.doctor_findings import Finding, Verdict, findings_table, settings_table
from cara.feedback.assessment.sample import judge_sample
from cara.gemini.client import GeminiCall, GeminiClient, GeminiLimits
from cara.gemini.errors import GeminiBadAnswer, GeminiError
from cara.gemini.schemas import SchemaStep
from cara.local_settings import LocalSettings
from cara.postgres.applied_migrations import missing_migrations
from cara.postgres.connections import Hosts, is_read_only
from cara.postgres.errors import CONNECTION_ERRORS
from cara.postgres.limits import session_limits
from cara.production_rules import check_signing_keys
from cara.redis.connections import AWAY, connection_pool
from cara.redis.queue import FEEDBACK_QUEUE, health_key
from cara.settings import Settings

CHECK_SECONDS = 10.0
JUDGE_SECONDS = 60.0
TESTED_POSTGRESQL = 18

SCHEMAS_ACCEPTED: dict[SchemaStep, str] = {
    "full": "full schema",
    "plainer": "only with the plainer schema",
    "none": "only without a schema",
}


def run(settings: Settings) -> int:
    """Prints settings and findings; returns 0, or 1 if a check has failed."""
    console = Console()
    console.print(settings_table(settings.masked()))
    findings = asyncio.run(examine(settings))
    console.print(findings_table(findings))
    return 1 if any(finding.verdict == "bad" for finding in findings) else 0


def print_problems(local: LocalSettings, problems: list[str]) -> int:
    """Prints the settings and what is wrong with them; returns 1."""
    console = Console()
    console.print(settings_table(local.masked()))
    console.print(findings_table([Finding("settings", "bad", problem) for problem in problems]))
    console.print(
        "\n`cara dev` starts whatever is missing; while it runs, `cara doctor` checks what it has started."
    )
    return 1


def check_worker(settings: Settings) -> int:
    """Prints whether a worker runs; returns 0 if so, otherwise 1."""
    finding = asyncio.run(_worker(settings))
    Console().print(finding.sentence)
    return 0 if finding.verdict == "good" else 1


async def examine(settings: Settings) -> list[Finding]:
    """Returns the findings of all checks, which run at the same time, each at most CHECK_SECONDS.

    Only the sample talk may take JUDGE_SECONDS.
    """
    postgresql, redis, gemini = await asyncio.gather(
        _postgresql(settings), _redis(settings), _gemini(settings)
    )
    return [*postgresql, *redis, *gemini, _secrets(settings), _sentry(settings)]


async def _postgresql(settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            hosts = Hosts(settings.database_url.get_secret_value())
            connection = await hosts.connect(server_settings=session_limits(settings))
            try:
                return await _database_findings(connection, settings)
            finally:
                await connection.close(timeout=1)
    except (*CONNECTION_ERRORS, ValueError) as error:
        return [Finding("PostgreSQL", "bad", f"cannot be used: {_reason(error)}")]


async def _database_findings(
    connection: asyncpg.Connection[asyncpg.Record], settings: Settings
) -> list[Finding]:
    version = str(await connection.fetchval("show server_version"))
    findings = [Finding("PostgreSQL", "good", f"version {version.split()[0]} answers")]
    if connection.get_server_version().major < TESTED_POSTGRESQL:
        findings.append(
            Finding("PostgreSQL", "warning", f"Cara is tested with version {TESTED_POSTGRESQL} only")
        )
    private = await connection.fetchval(
        "select ssl or inet_server_addr() is null from pg_stat_ssl where pid = pg_backend_pid()"
    )
    if settings.production and not private:
        findings.append(Finding("PostgreSQL", "warning", "the connection is not encrypted"))
    if await connection.fetchval("show idle_in_transaction_session_timeout") == "0":
        sentence = "sessions have no limits: a host that vanishes keeps rows locked (see docs/deployment.md)"
        findings.append(Finding("PostgreSQL", "warning", sentence))
    if await is_read_only(connection):
        return [*findings, Finding("PostgreSQL", "bad", "the server is read-only")]
    missing = await missing_migrations(connection)
    if missing:
        sentence = f"missing: {', '.join(missing)}; run `cara migrate up`"
        return [*findings, Finding("migrations", "bad", sentence)]
    return [*findings, Finding("migrations", "good", "all are applied")]


async def _redis(settings: Settings) -> list[Finding]:
    client = _redis_client(settings)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            facts = await client.info()
    except AWAY as error:
        return [Finding("Redis", "bad", f"cannot be used: {_reason(error)}")]
    finally:
        await client.aclose(close_connection_pool=True)
    findings = [Finding("Redis", "good", f"{_redis_version(facts)} answers"), *_redis_warnings(facts)]
    return [*findings, await _worker(settings)]


def _redis_version(facts: dict[str, object]) -> str:
    if "valkey_version" in facts:
        return f"Valkey {facts['valkey_version']}"
    return f"Redis {facts.get('redis_version', 'of an unknown version')}"


def _redis_warnings(facts: dict[str, object]) -> list[Finding]:
    warnings = []
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(
            f"maxmemory-policy is {policy}: set noeviction, or queue entries are lost when memory is full"
        )
    if not facts.get("aof_enabled"):
        warnings.append(
            "no append-only file: after a restart of Redis jobs wait for the sweeper, and counters start at 0"
        )
    return [Finding("Redis", "warning", sentence) for sentence in warnings]


async def _worker(settings: Settings) -> Finding:
    client = _redis_client(settings)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            alive = await client.exists(health_key(FEEDBACK_QUEUE))
    except AWAY as error:
        return Finding("worker", "bad", f"unknown, because Redis cannot be used: {_reason(error)}")
    finally:
        await client.aclose(close_connection_pool=True)
    if alive:
        return Finding("worker", "good", "one runs")
    return Finding("worker", "bad", "none runs, or none with this Redis: start one with `cara worker`")


def _redis_client(settings: Settings) -> Redis:
    pool = connection_pool(settings.redis_url.get_secret_value(), size=2, retries=0)
    return Redis(connection_pool=pool)


async def _gemini(settings: Settings) -> list[Finding]:
    """Asks the model to count tokens, which is free, and then for one real judgement, which is not."""
    if settings.gemini_api_key is None:
        return [Finding("Gemini", "bad", "GEMINI_API_KEY is missing: no feedback and no coach")]
    limits = GeminiLimits(deadline_seconds=JUDGE_SECONDS, first_token_seconds=JUDGE_SECONDS, attempts=1)
    client = GeminiClient(
        api_key=settings.gemini_api_key.get_secret_value(),
        model=settings.gemini_model,
        base_url=settings.gemini_base_url,
        limits=limits,
    )
    try:
        answers = await _gemini_answers(client, settings)
        return [answers] if answers.verdict == "bad" else [answers, await _gemini_judges(client, settings)]
    finally:
        await client.close()


async def _gemini_answers(client: GeminiClient, settings: Settings) -> Finding:
    where = f" at {settings.gemini_base_url}" if settings.gemini_base_url else ""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await client.count_tokens(_SMALL_CALL)
    except (GeminiError, TimeoutError) as error:
        return Finding("Gemini", "bad", f"{settings.gemini_model}{where}: {_gemini_reason(error)}")
    return Finding("Gemini", "good", f"{settings.gemini_model} answers{where}")


async def _gemini_judges(client: GeminiClient, settings: Settings) -> Finding:
    model = settings.gemini_model
    try:
        judged = await judge_sample(client, settings.thinking_level)
    except GeminiError as error:
        cost = f" It cost {error.usage.total_tokens:,} tokens." if error.usage.total_tokens else ""
        return Finding("Gemini", "bad", f"{model} judges no sample talk: {_gemini_reason(error)}{cost}")
    verdict: Verdict = "good" if judged.schema == "full" else "warning"
    schema = SCHEMAS_ACCEPTED[judged.schema]
    return Finding("Gemini", verdict, f"{model} judges a sample talk: {schema}, {judged.tokens:,} tokens")


def _gemini_reason(error: Exception) -> str:
    """Returns the cause that Gemini named, or what is wrong with its answer."""
    if isinstance(error, GeminiBadAnswer):
        return f"{error.detail} ({error.reason})"
    if isinstance(error, GeminiError):
        return getattr(error, "cause", "") or error.detail
    return _reason(error)


_SMALL_CALL = GeminiCall(
    system_instruction="Count.",
    contents=[{"role": "user", "parts": [{"text": "one"}]}],
    max_output_tokens=1,
)


def _secrets(settings: Settings) -> Finding:
    ring = [key.secret for key in settings.signing_keys]
    try:
        check_signing_keys(ring)
    except ValueError as error:
        return Finding("JWT_SECRET", "warning", f"production refuses it: it {error}")
    return Finding("JWT_SECRET", "good", f"{len(ring)} key{'s' if len(ring) > 1 else ''} in the ring")


def _sentry(settings: Settings) -> Finding:
    if settings.sentry_dsn is None:
        verdict: Verdict = "warning" if settings.production else "good"
        return Finding("Sentry", verdict, "SENTRY_DSN is not set: errors go to the log only")
    return Finding("Sentry", "good", f"errors go to {Dsn(settings.sentry_dsn.get_secret_value()).host}")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CHECK_SECONDS:g} s"
    return str(error).partition("\n")[0] or type(error).__name__
