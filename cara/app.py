"""Puts the web application together. Everything that lives as long as the process is made here, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Middleware
from arq.connections import ArqRedis
from redis.asyncio import Redis

from cara import __version__, operations
from cara.accounts import routes as accounts
from cara.accounts.changing_passwords import ChangingPasswords
from cara.accounts.deletion import Stories
from cara.accounts.export import Exports
from cara.accounts.failure_counts import ResilientFailureCounts
from cara.accounts.lockout import Lockout
from cara.accounts.passwords import Passwords
from cara.accounts.refresh import Refreshing
from cara.accounts.signing_in import SignIn
from cara.accounts.tokens import AccessTokens
from cara.analytics import routes as analytics
from cara.analytics.waking import RollupWaker, wake_rollups
from cara.analytics.writing import EventWriter
from cara.console import routes as console
from cara.database import Database
from cara.feedback import routes as feedback
from cara.feedback.events import Announcer
from cara.feedback.listening import Feeds
from cara.feedback.tickets import Tickets
from cara.gemini import routes as gemini
from cara.gemini.coaching import Coach
from cara.gemini.connecting import connect_gemini
from cara.gemini.quota import Quota
from cara.practice import routes as practice
from cara.queue import Queue, arq_client
from cara.redis import Subscriber
from cara.schema_version import up_to_date_database
from cara.settings import Settings
from cara.telemetry import request_id_tag_middleware, start_sentry, stop_sentry
from cara.web.access_log import request_id_middleware
from cara.web.addresses import TrustedProxies, client_address_middleware
from cara.web.body import MAX_BODY_BYTES
from cara.web.context import SERVICES, Authenticator, provide, service
from cara.web.cors import allow_origins, answer_options
from cara.web.docs import page as documentation
from cara.web.handlers import mount
from cara.web.headers import finish_headers
from cara.web.measuring import measure_requests
from cara.web.openapi import OpenApiDocument
from cara.web.problems import problems_middleware
from cara.web.rate_limits import RateLimits, count_strangers

ROUTES = [
    *operations.ROUTES,
    *documentation.ROUTES,
    *accounts.ROUTES,
    *practice.ROUTES,
    *feedback.ROUTES,
    *gemini.ROUTES,
    *analytics.ROUTES,
]

CleanupContext = Callable[[web.Application], AsyncIterator[None]]


def create_app(settings: Settings) -> web.Application:
    """The web application for these settings; it connects when it starts."""
    reporting = _start_reports(settings)
    app = web.Application(middlewares=_middlewares(reporting), client_max_size=MAX_BODY_BYTES)
    app[SERVICES] = {}
    _provide_rules(app, settings)
    app.cleanup_ctx.extend(
        [_sentry, _database(settings), _redis(settings), _accounts, _feeds, _coach, _analytics]
    )
    app.on_shutdown.append(_let_streams_end)
    allow_origins(app, mount(app, [*ROUTES, *console.routes(settings)]), settings)
    app.on_response_prepare.append(finish_headers(settings))
    return app


def _start_reports(settings: Settings) -> bool:
    """Before the application is made: the SDK takes its place in it."""
    return start_sentry(
        dsn=settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None,
        environment=settings.environment,
        release=__version__,
        role="web",
    )


def _middlewares(reporting: bool) -> list[Middleware]:
    """From the outermost to the innermost."""
    return [
        request_id_middleware,
        *([request_id_tag_middleware] if reporting else []),
        client_address_middleware,
        measure_requests,
        problems_middleware,
        answer_options,
        count_strangers,
        wake_rollups,
    ]


async def _sentry(_: web.Application) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(stop_sentry)


def _provide_rules(app: web.Application, settings: Settings) -> None:
    """What needs no connection."""
    tokens = AccessTokens(settings)
    provide(app, Settings, settings)
    provide(app, TrustedProxies, TrustedProxies(settings.trusted_proxies))
    provide(app, AccessTokens, tokens)
    provide(app, Authenticator, tokens)
    provide(app, Tickets, Tickets(settings))
    provide(app, Quota, Quota(settings.daily_token_quota))
    provide(app, OpenApiDocument, OpenApiDocument(ROUTES))


def _database(settings: Settings) -> CleanupContext:
    async def context(app: web.Application) -> AsyncIterator[None]:
        async with up_to_date_database(settings) as database:
            provide(app, Database, database)
            yield

    return context


def _redis(settings: Settings) -> CleanupContext:
    async def context(app: web.Application) -> AsyncIterator[None]:
        url = settings.redis_url.get_secret_value()
        redis = arq_client(url, size=settings.redis_pool_size)
        subscriber = Subscriber(url)
        reading = asyncio.create_task(subscriber.run(), name="redis subscriber")
        queue = Queue(redis)
        provide(app, Redis, redis)
        provide(app, ArqRedis, redis)
        provide(app, RateLimits, RateLimits(settings, redis))
        provide(app, Subscriber, subscriber)
        provide(app, Queue, queue)
        announcer = Announcer(redis, queue)
        provide(app, Announcer, announcer)
        provide(app, Stories, announcer)
        yield
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await redis.aclose(close_connection_pool=True)

    return context


async def _analytics(app: web.Application) -> AsyncIterator[None]:
    waker = RollupWaker(service(app, ArqRedis))
    writer = EventWriter(service(app, Database), on_stored=waker.wake)
    provide(app, RollupWaker, waker)
    provide(app, EventWriter, writer)
    running = [
        asyncio.create_task(writer.run(), name="event writer"),
        asyncio.create_task(waker.run(), name="roll-up waker"),
    ]
    yield
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _accounts(app: web.Application) -> AsyncIterator[None]:
    settings, database, tokens = service(app, Settings), service(app, Database), service(app, AccessTokens)
    passwords = Passwords.of(settings)
    lockout = Lockout(ResilientFailureCounts(service(app, Redis)))
    provide(app, Passwords, passwords)
    provide(app, SignIn, SignIn(settings, database, passwords, tokens, lockout))
    provide(app, Refreshing, Refreshing(settings, database, tokens))
    provide(app, ChangingPasswords, ChangingPasswords(database, passwords, lockout))
    provide(app, Exports, Exports(database))
    yield
    passwords.close()


async def _feeds(app: web.Application) -> AsyncIterator[None]:
    provide(app, Feeds, Feeds(service(app, Database), service(app, Redis), service(app, Subscriber)))
    yield


async def _coach(app: web.Application) -> AsyncIterator[None]:
    """The SDK is slow to import: that goes on beside the first requests."""
    settings = service(app, Settings)
    gemini_client = connect_gemini(settings)
    warming = asyncio.create_task(gemini_client.warm_up(), name="gemini warm-up")
    coach = Coach(settings, service(app, Database), service(app, Quota), gemini_client)
    provide(app, Coach, coach)
    yield
    await asyncio.wait([warming])
    await coach.close()
    await gemini_client.close()


async def _let_streams_end(app: web.Application) -> None:
    service(app, Feeds).close()
