"""Reports what nobody foresaw to Sentry. Without a DSN nothing of its SDK is even imported."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal

from cara.observability.redaction import harmless_event

if TYPE_CHECKING:
    from sentry_sdk.integrations import Integration

FLUSH_SECONDS: Final = 2.0


def start_sentry(
    *,
    dsn: str | None,
    environment: str,
    release: str,
    role: Literal["web", "worker"],
    traces_sample_rate: float = 0.0,
) -> bool:
    """Begins to report errors of this process, and the given share of its requests or jobs as transactions.

    Reports errors that escape a handler or a job, lines logged as errors, and crashes. Only what
    `cara.observability.redaction` lets through is sent. Says whether anything was started: not without a DSN.
    """
    if not dsn:
        return False
    import sentry_sdk

    harmless = partial(harmless_event, role=role)
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        integrations=_integrations(role),
        default_integrations=False,
        auto_enabling_integrations=False,
        before_send=harmless,  # type: ignore[arg-type]
        before_send_transaction=harmless,  # type: ignore[arg-type]
        before_breadcrumb=lambda _crumb, _hint: None,
        max_breadcrumbs=0,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=traces_sample_rate,
        trace_propagation_targets=[],
        auto_session_tracking=False,
        enable_backpressure_handling=False,
        enable_logs=False,
        enable_metrics=False,
        spotlight=False,
    )
    return True


def stop_sentry() -> None:
    """Sends what is waiting, for `FLUSH_SECONDS` at most, and ends the reports. Blocks."""
    if sdk := _started_sdk():
        sdk.get_client().close(timeout=FLUSH_SECONDS)
        sdk.get_global_scope().set_client(None)


def report(error: BaseException) -> None:
    """Sends an error that was handled but not foreseen. Does nothing when nothing was started."""
    if sdk := _started_sdk():
        sdk.capture_exception(error)


@asynccontextmanager
async def instrumented(
    task: str, job_id: str, *, expected: tuple[type[Exception], ...] = ()
) -> AsyncIterator[None]:
    """Around a background job: an error that leaves it is reported with the task's name and the job's id.

    `expected` are those by which the job asks for another try and the like: they pass unreported.
    """
    sdk = _started_sdk()
    if sdk is None:
        yield
        return
    with sdk.isolation_scope() as scope, sdk.start_transaction(op="queue.task", name=task, source="task"):
        scope.clear_breadcrumbs()
        scope.set_tag("job_id", job_id)
        try:
            yield
        except expected:
            raise
        except Exception as error:
            report(error)
            raise


def tag_request_id(request_id: str) -> None:
    """Marks what the current request reports with the id that its client is told."""
    if sdk := _started_sdk():
        sdk.get_isolation_scope().set_tag("request_id", request_id)


def _started_sdk() -> ModuleType | None:
    sdk = sys.modules.get("sentry_sdk")
    return sdk if sdk is not None and sdk.is_initialized() else None


def _integrations(role: Literal["web", "worker"]) -> list[Integration]:
    """The few that report errors; those that record calls, versions and command lines are left out."""
    from sentry_sdk.integrations.aiohttp import AioHttpIntegration
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger

    chosen: list[Integration] = [
        AtexitIntegration(callback=lambda _pending, _seconds: None),
        DedupeIntegration(),
        ExcepthookIntegration(),
        LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
    ]
    if role == "web":
        return [*chosen, AioHttpIntegration(transaction_style="method_and_path_pattern")]
    # arq logs the error of every job once more; `instrumented` has reported it.
    ignore_logger("arq.worker")
    return chosen
