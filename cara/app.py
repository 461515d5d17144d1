"""Puts the web application together. Everything that lives as long as the process is made here, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware
from redis.asyncio import Redis

from cara import __version__, health
from cara.accounts import routes as accounts
from cara.accounts.access_tokens import AccessTokens
from cara.accounts.authentication import Authentication
from cara.accounts.export import AccountExporter
from cara.accounts.passwords import PasswordHasher
from cara.accounts.reauthentication import Reauthentication
from cara.accounts.refresh_tokens import TokenRefresher
from cara.accounts.sign_out_notifier import SignOutNotifier
from cara.analytics import routes as analytics
from cara.analytics.beacons import BeaconTokens
from cara.analytics.event_writer import EventWriter
from cara.clock import watched_clock
from cara.coach import routes as coach
from cara.coach.chat import Coach
from cara.console import routes as console
from cara.feedback import routes as feedback
from cara.feedback.events.broker import JobEventBroker
from cara.feedback.events.tickets import TicketIssuer
from cara.feedback.work.requests import FeedbackRequests
from cara.feedback.work.reservation import AttemptReservations
from cara.gemini.client import GeminiClient, connect_gemini
from cara.jobs.notifier import JobNotifier
from cara.observability.access_log import AccessLog
from cara.observability.sentry import start_sentry, stop_sentry
from cara.postgres.applied_migrations import up_to_date_database
from cara.postgres.database import Database
from cara.practice import routes as practice
from cara.quota import routes as quota
from cara.quota.quota import Quota
from cara.redis.queue import Queue, RollupNotifier, arq_client
from cara.redis.subscriber import Subscriber
from cara.settings import Settings
from cara.web.client_info import TrustedProxies
from cara.web.compression import compress_answers
from cara.web.context import SERVICES, provide, service
from cara.web.docs import page as documentation
from cara.web.downloads import Downloads
from cara.web.draining import Draining
from cara.web.guard import Authenticator
from cara.web.handlers import mount
from cara.web.headers import allow_origins, answer_options, finish_headers
from cara.web.json_body import MAX_BODY_BYTES
from cara.web.openapi import OpenApiDocument
from cara.web.origins import Origins
from cara.web.problems import answer_problems
from cara.web.rate_limits import RateLimits, count_unknown_addresses
from cara.web.request_log import connection_log, log_requests, tag_reports
from cara.web.storage_limit import StorageLimit

ROUTES = [
    *health.ROUTES,
    *documentation.ROUTES,
    *accounts.ROUTES,
    *practice.ROUTES,
    *feedback.ROUTES,
    *coach.ROUTES,
    *quota.ROUTES,
    *analytics.ROUTES,
]

CONNECTION_OPTIONS = {
    # aiohttp would inflate a compressed body on the event loop, whether it is wanted or not, and however much
    # it grows: `read_body` does it, in a thread and within the limit.
    "auto_decompress": False,
    # `log_requests` writes the access line.
    "access_log": None,
    "logger": connection_log,
}

CleanupContext = Callable[[web.Application], AsyncIterator[None]]


def create_app(settings: Settings) -> web.Application:
    """Returns the web application for these settings; it connects when it starts."""
    reporting = _start_reports(settings)
    app = web.Application(
        middlewares=_middlewares(reporting), client_max_size=MAX_BODY_BYTES, handler_args=CONNECTION_OPTIONS
    )
    app[SERVICES] = {}
    _provide_rules(app, settings)
    app.cleanup_ctx.extend(
        [
            _sentry,
            _access_log,
            _database(settings),
            _redis(settings),
            _accounts,
            _job_events,
            _gemini,
            _coach,
            _feedback,
            _analytics,
        ]
    )
    app.on_shutdown.append(_let_streams_end)
    origins, draining = service(app, Origins), service(app, Draining)
    allow_origins(app, mount(app, [*ROUTES, *console.routes(settings)]), origins)
    app.on_response_prepare.append(finish_headers(settings, origins, draining))
    return app


def _start_reports(settings: Settings) -> bool:
    """Starts Sentry before the application is made: the SDK takes its place in it."""
    return start_sentry(
        dsn=settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None,
        environment=settings.environment,
        release=__version__,
        role="web",
    )


def _middlewares(reporting: bool) -> list[Middleware]:
    """Returns the middlewares from the outermost to the innermost."""
    return [
        log_requests,
        *([tag_reports] if reporting else []),
        compress_answers,
        answer_problems,
        answer_options,
        count_unknown_addresses,
    ]


async def _sentry(_: web.Application) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(stop_sentry)


async def _access_log(app: web.Application) -> AsyncIterator[None]:
    yield
    service(app, AccessLog).write()


def _provide_rules(app: web.Application, settings: Settings) -> None:
    """Provides what needs no connection."""
    tokens = AccessTokens(settings)
    provide(app, Settings, settings)
    provide(app, Origins, Origins(settings))
    provide(app, TrustedProxies, TrustedProxies(settings.trusted_proxies))
    provide(app, AccessTokens, tokens)
    provide(app, Authenticator, tokens)
    provide(app, TicketIssuer, TicketIssuer(settings))
    provide(app, BeaconTokens, BeaconTokens(settings))
    provide(app, Quota, Quota(settings.daily_token_quota))
    provide(app, Downloads, Downloads(settings.download_disk_bytes))
    provide(app, OpenApiDocument, OpenApiDocument(ROUTES))
    provide(app, Draining, Draining())
    provide(app, AccessLog, AccessLog())


def _database(settings: Settings) -> CleanupContext:
    async def context(app: web.Application) -> AsyncIterator[None]:
        async with up_to_date_database(settings) as database, watched_clock(database):
            provide(app, Database, database)
            yield

    return context


def _redis(settings: Settings) -> CleanupContext:
    async def context(app: web.Application) -> AsyncIterator[None]:
        url = settings.redis_url.get_secret_value()
        redis = arq_client(url, size=settings.redis_pool_size)
        subscriber = Subscriber(url)
        provide(app, Redis, redis)
        provide(app, RateLimits, _rate_limits(settings, redis))
        provide(app, StorageLimit, StorageLimit(redis, settings.storage_bytes_per_day))
        provide(app, Subscriber, subscriber)
        provide(app, JobNotifier, JobNotifier(redis, Queue(redis)))
        provide(app, SignOutNotifier, SignOutNotifier(redis))
        rollup_notifier = RollupNotifier(redis)
        provide(app, RollupNotifier, rollup_notifier)
        tasks = [
            asyncio.create_task(subscriber.run(), name="redis subscriber"),
            asyncio.create_task(rollup_notifier.run(), name="roll-up notifier"),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await redis.aclose(close_connection_pool=True)

    return context


def _rate_limits(settings: Settings, redis: Redis) -> RateLimits:
    """Returns the limits by the names that the routes give them."""
    return RateLimits(
        redis,
        address=settings.rate_limit_address,
        user=settings.rate_limit_user,
        named={"sign-in": settings.rate_limit_sign_in, "gemini": settings.rate_limit_gemini},
        enabled=settings.rate_limits == "on",
    )


async def _analytics(app: web.Application) -> AsyncIterator[None]:
    writer = EventWriter(service(app, Database), service(app, RollupNotifier))
    provide(app, EventWriter, writer)
    writing = asyncio.create_task(writer.run(), name="event writer")
    yield
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)


async def _accounts(app: web.Application) -> AsyncIterator[None]:
    settings, database, tokens = service(app, Settings), service(app, Database), service(app, AccessTokens)
    hasher, notifier = PasswordHasher.of(settings), service(app, SignOutNotifier)
    provide(app, Authentication, Authentication(settings, database, hasher, tokens, notifier))
    provide(app, Reauthentication, Reauthentication(database, hasher, notifier))
    provide(app, TokenRefresher, TokenRefresher(settings, database, tokens, notifier))
    provide(app, AccountExporter, AccountExporter(database))
    yield
    hasher.close()


async def _job_events(app: web.Application) -> AsyncIterator[None]:
    broker = JobEventBroker(
        service(app, Database),
        service(app, Redis),
        service(app, Subscriber),
        service(app, AccessTokens),
        service(app, Settings).event_streams_per_learner,
    )
    provide(app, JobEventBroker, broker)
    heartbeats = asyncio.create_task(broker.send_heartbeats(), name="heartbeats of event streams")
    yield
    await broker.closed()
    heartbeats.cancel()
    await asyncio.gather(heartbeats, return_exceptions=True)


async def _gemini(app: web.Application) -> AsyncIterator[None]:
    """Imports the SDK of Gemini beside the first requests, because that is slow."""
    gemini = connect_gemini(service(app, Settings))
    provide(app, GeminiClient, gemini)
    warming = asyncio.create_task(gemini.warm_up(), name="gemini warm-up")
    yield
    await asyncio.wait([warming])
    await gemini.close()


async def _coach(app: web.Application) -> AsyncIterator[None]:
    turns = Coach(
        service(app, Settings),
        service(app, Database),
        service(app, Quota),
        service(app, GeminiClient),
        service(app, RollupNotifier),
        service(app, StorageLimit),
    )
    provide(app, Coach, turns)
    yield
    await turns.close()


async def _feedback(app: web.Application) -> AsyncIterator[None]:
    reservations = AttemptReservations(service(app, Quota), service(app, Settings).thinking_level)
    requests = FeedbackRequests(
        service(app, Database), reservations, service(app, GeminiClient), service(app, StorageLimit)
    )
    provide(app, FeedbackRequests, requests)
    yield


async def _let_streams_end(app: web.Application) -> None:
    service(app, JobEventBroker).close()
