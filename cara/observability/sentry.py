"""Reports unexpected errors to Sentry. Without a DSN the SDK is not even imported."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal

from cara.observability.redaction import redact_event

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
    """Starts to report errors of this process, and the given share of its requests or jobs as transactions.

    Reports errors that escape a handler or a job, log lines of level ERROR, and crashes, all of them redacted
    by `cara.observability.redaction`. Returns whether reporting started, which needs a DSN.
    """
    if not dsn:
        return False
    import sentry_sdk

    def redact(event: Any, hint: dict[str, Any]) -> Any:
        return redact_event(event, hint, role=role)

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        integrations=_integrations(role),
        default_integrations=False,
        auto_enabling_integrations=False,
        before_send=redact,
        before_send_transaction=redact,
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
    """Sends pending events, for at most `FLUSH_SECONDS`, and stops reporting. Blocks."""
    if sdk := _started_sdk():
        sdk.get_client().close(timeout=FLUSH_SECONDS)
        sdk.get_global_scope().set_client(None)


def report(error: BaseException) -> None:
    """Sends an error that was handled but not expected. Does nothing unless reporting is started."""
    if sdk := _started_sdk():
        sdk.capture_exception(error)


@asynccontextmanager
async def instrumented(
    task: str, job_id: str, *, expected: tuple[type[Exception], ...] = ()
) -> AsyncIterator[None]:
    """Reports an error that leaves the block, a background job, with the task's name and the job's id.

    `expected` are errors that are not reported, such as those that make arq run the job again.
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
    """Tags the reports of the current request with the request id that the client receives."""
    if sdk := _started_sdk():
        sdk.get_isolation_scope().set_tag("request_id", request_id)


def _started_sdk() -> ModuleType | None:
    sdk = sys.modules.get("sentry_sdk")
    return sdk if sdk is not None and sdk.is_initialized() else None


def _integrations(role: Literal["web", "worker"]) -> list[Integration]:
    """Returns the integrations that report errors.

    Those that record calls, versions and command lines are left out.
    """
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
    # arq also logs the error of every job, which `instrumented` has already reported.
    ignore_logger("arq.worker")
    return chosen
