"""From a typed handler to an aiohttp handler.

The parameters of a handler say what it needs: a path parameter by its name, `body` and `query` by a model, a
header field by `Header`, and everything else by type: the request, the caller, a connection (held while the
handler runs), a transaction (committed before the response is sent), or a service that the application
provides. It returns the response, or the model that is sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from aiohttp import web
from asyncpg import ForeignKeyViolationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from cara.errors import InvalidInput, InvalidValue, Unauthenticated
from cara.json_values import JsonText, with_texts
from cara.postgres.database import Connection, Database
from cara.postgres.errors import StatementOutdated
from cara.postgres.limits import begin_budget
from cara.web.client_info import caller_of
from cara.web.context import CALLER_ID, SERVICES
from cara.web.guard import Authenticator, Caller, Claims, ClaimsExpired, bearer_token, confirmed_caller
from cara.web.json_body import BEACON_TYPES, JSON_TYPES, expect_body, read_body
from cara.web.members import members_json
from cara.web.models import ApiResponse
from cara.web.origins import OriginRefused, Origins
from cara.web.problems import invalid, invalid_fields
from cara.web.rate_limit_counter import COUNTED
from cara.web.rate_limits import RateLimits
from cara.web.routing import Route
from cara.web.sse import EventTypes
from cara.web.tickets import TicketVerifier

SMALL_BODY_BYTES = 4096
"""Up to this size a body is read before the request is counted, where only the body says for whom."""


_REPEATED = InvalidValue("duplicate", "must not be given more than once")


class _InTransaction:
    """Marks a connection parameter that needs a transaction around the whole handler."""


Transaction = Annotated[Connection, _InTransaction]


@dataclass(frozen=True)
class Header:
    """The header field that a parameter is read from, and what it is for."""

    name: str
    description: str


@dataclass(frozen=True)
class Inputs:
    """What the annotations of one handler ask for."""

    path: Mapping[str, TypeAdapter[Any]] = field(default_factory=dict)
    headers: Mapping[str, tuple[Header, TypeAdapter[Any]]] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    body_required: bool = True
    query: type[BaseModel] | None = None
    request: str | None = None
    caller: str | None = None
    connection: str | None = None
    transactional: bool = False
    services: Mapping[str, Any] = field(default_factory=dict)


def inputs_of(route: Route) -> Inputs:
    """Reads the annotations of a route's handler."""
    hints = get_type_hints(route.handler, include_extras=True)
    path: dict[str, TypeAdapter[Any]] = {}
    headers: dict[str, tuple[Header, TypeAdapter[Any]]] = {}
    services: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name in inspect.signature(route.handler).parameters:
        hint = hints[name]
        if f"{{{name}}}" in route.path:
            path[name] = TypeAdapter(hint)
        elif name == "body":
            found["body"], found["body_required"] = _model(hint)
        elif name == "query":
            found["query"] = hint
        elif header := _header(hint):
            headers[name] = (header, TypeAdapter(hint))
        elif kind := _kind(hint):
            found[kind] = name
            if kind == "connection":
                found["transactional"] = hint == Transaction
        else:
            services[name] = hint
    return Inputs(path=path, headers=headers, services=services, **found)


def _model(hint: Any) -> tuple[Any, bool]:
    """Returns the model of a body, and whether a body is required: `Model | None` makes it optional."""
    models = [part for part in get_args(hint) if part is not type(None)]
    return (models[0], False) if models else (hint, True)


def _header(hint: Any) -> Header | None:
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((extra for extra in extras if isinstance(extra, Header)), None)


def _kind(hint: Any) -> str | None:
    if hint in (Connection, Transaction):
        return "connection"
    return {web.Request: "request", Caller: "caller"}.get(hint)


class Endpoint:
    """A route with what its handler's annotations ask for, ready to be mounted."""

    def __init__(self, route: Route, services: dict[Any, Any]) -> None:
        self.route = route
        self._services = services
        self._inputs = inputs_of(route)
        self._counts_itself = route.public and RateLimits in self._inputs.services.values()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serves one request.

        In this order: origin and token are checked, the request is counted, the input is read and validated,
        and only then a connection is acquired, so that a slow client never holds one. A public handler that
        asks for `RateLimits` authenticates and counts by itself; only large bodies are counted before they
        are read there too. What fails before it was counted counts for the address, or for the owner of an
        expired token.
        """
        limits: RateLimits = self._services[RateLimits]
        try:
            return _response(await self._run(request, limits), self.route.status)
        except (OriginRefused, Unauthenticated, InvalidInput) as error:
            if COUNTED not in request and self.route.limit:
                if isinstance(error, ClaimsExpired):
                    await limits.count_expired(request, error.claims)
                else:
                    await limits.count(request, None)
            raise

    async def _run(self, request: web.Request, limits: RateLimits) -> Any:
        inputs, services = self._inputs, self._services
        if self.route.origin_checked:
            origins: Origins = services[Origins]
            origins.require_trusted(request)
        authenticator: Authenticator = services[Authenticator]
        database: Database = services[Database]
        claims = None if self.route.public else self._claims(request, authenticator)
        if claims:
            request[CALLER_ID] = claims.user_id
        caller = claims.caller if claims else caller_of(request)
        begin_budget(database.seconds, caller if self.route.limit else None)
        if not self._counts_itself or _has_large_body(request, inputs):
            await limits.count(request, claims, self.route.limit)
        arguments = await self._arguments(request)
        try:
            return await self._call(request, claims, arguments)
        except StatementOutdated:
            # Its transaction is undone, and every statement is prepared anew. Outside of transactions asyncpg
            # does so by itself, and who has paid for something repeats by `retry_database`.
            return await self._call(request, claims, arguments)
        except ForeignKeyViolationError:
            # The account was deleted after the caller was read: once more, they are refused.
            if not (claims and inputs.connection):
                raise
            return await self._call(request, claims, arguments)

    def _claims(self, request: web.Request, authenticator: Authenticator) -> Claims:
        """Returns the claims of the token in the address if the route takes one, else of the bearer token."""
        if not self._has_token(request):
            return authenticator.claims(bearer_token(request))
        verifier: TicketVerifier = self._services[self.route.tokens]
        claims = verifier.claims(request.query["token"])
        authenticator.refuse_ended(claims)
        return claims

    def _has_token(self, request: web.Request) -> bool:
        return self.route.tokens is not None and "token" in request.query

    async def _call(self, request: web.Request, claims: Claims | None, arguments: dict[str, Any]) -> Any:
        inputs = self._inputs
        if not claims and not inputs.connection:
            return await self.route.handler(**arguments)
        database: Database = self._services[Database]
        async with database.transaction() if inputs.transactional else database.acquire() as connection:
            if claims:
                authenticator: Authenticator = self._services[Authenticator]
                caller = await confirmed_caller(request, authenticator, connection, claims)
                if inputs.caller:
                    arguments[inputs.caller] = caller
            if inputs.connection:
                arguments[inputs.connection] = connection
                return await self.route.handler(**arguments)
        return await self.route.handler(**arguments)

    async def _arguments(self, request: web.Request) -> dict[str, Any]:
        inputs = self._inputs
        arguments = {name: self._services[kind] for name, kind in inputs.services.items()}
        if inputs.request:
            arguments[inputs.request] = request
        for name, adapter in inputs.path.items():
            arguments[name] = _validated(adapter, request.match_info[name], name)
        for name, (header, adapter) in inputs.headers.items():
            # Lines of a list belong together (RFC 9110, section 5.3); of other fields there is one.
            lines = request.headers.getall(header.name, ())
            arguments[name] = _validated(adapter, ", ".join(lines) if lines else None, header.name)
        if inputs.query:
            arguments["query"] = _query(request, inputs.query)
        if inputs.body:
            types = BEACON_TYPES if self._has_token(request) else JSON_TYPES
            arguments["body"] = await read_body(
                request, inputs.body, required=inputs.body_required, types=types
            )
        return arguments


def _has_large_body(request: web.Request, inputs: Inputs) -> bool:
    """Returns whether reading the body is work that an address should not get for nothing."""
    if inputs.body is None or not request.can_read_body:
        return False
    return request.content_length is None or request.content_length > SMALL_BODY_BYTES


def _validated(adapter: TypeAdapter[Any], value: Any, name: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise invalid_fields(error, value, within=name) from None


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    repeated = {name for name in request.query if len(request.query.getall(name)) > 1}
    if repeated:
        raise invalid(_REPEATED.at(name) for name in sorted(repeated))
    given = dict(request.query)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid_fields(error, given, within="query") from None


def _response(answer: Any, status: int) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    if not isinstance(answer, ApiResponse):
        answer = ApiResponse(answer)
    status = answer.status or status
    if answer.model is None:
        return web.Response(status=204 if status == 200 else status, headers=answer.headers)
    body = members_json(answer.model) if isinstance(answer.model, dict) else model_json(answer.model)
    return web.Response(status=status, body=body, content_type="application/json", headers=answer.headers)


def model_json(model: BaseModel) -> bytes:
    """Returns the JSON of a response; members that are text stand in it as they are, behind the others."""
    texts = {name: value for name, value in model.__dict__.items() if isinstance(value, JsonText)}
    rest = model.model_dump_json(by_alias=True, exclude=set(texts)).encode()
    return with_texts(rest, {to_camel(name): text for name, text in texts.items()}) if texts else rest


def mount(app: web.Application, routes: list[Route]) -> list[web.AbstractRoute]:
    """Adds the routes to an application, one resource for each path, so that preflights know all its methods.

    Every GET route answers HEAD too, except event streams.
    """
    resources = {
        path: app.router.add_resource(path) for path in dict.fromkeys(route.path for route in routes)
    }
    mounted: list[web.AbstractRoute] = []
    for route in routes:
        handler = Endpoint(route, app[SERVICES]).handle
        mounted.append(resources[route.path].add_route(route.method, handler, expect_handler=expect_body))
        streams = any(isinstance(given, EventTypes) for given in (route.responses or {}).values())
        if route.method == "GET" and not streams:
            resources[route.path].add_route("HEAD", handler, expect_handler=expect_body)
    return mounted
