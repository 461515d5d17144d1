"""Generates requests from the OpenAPI document, sends them, and checks every answer against the document."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from openapi_schema_validator import OAS31Validator
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from cara.web.sanitize import without_markup
from tests.fuzz.learner import FuzzLearner
from tests.waiting import TIMEOUT_SECONDS

PYDANTICS_WORDS = re.compile("Input should|Extra inputs|Field required|Value error")
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
]
EVENT_STREAM = "text/event-stream"


@dataclass
class Figures:
    """What was sent and what was answered."""

    requests: int = 0
    seconds: float = 0
    statuses: Counter[int] = field(default_factory=Counter)
    by_operation: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def report(self) -> str:
        lines = [
            f"requests: {self.requests:,} in {self.seconds:.0f} s to {len(self.by_operation)} operations",
            "statuses: "
            + ", ".join(f"{status}: {count:,}" for status, count in sorted(self.statuses.items())),
            f"server errors (5xx): {self.server_errors:,}",
            "never accepted: " + (", ".join(sorted(set(self.by_operation) - set(+self.accepted))) or "none"),
            f"kinds of failure: {len(self.failures)}",
        ]
        lines += [f"\n{operation}: {text}" for (operation, _), text in sorted(self.failures.items())]
        return "\n".join(lines)


class Campaign:
    """One run against a web process."""

    def __init__(self, url: str, database_url: str, *, in_a_row: int = 40) -> None:
        """Sends `in_a_row` requests to one operation after the other, half of them valid and half invalid."""
        document = requests.get(f"{url}/api/openapi.json", timeout=TIMEOUT_SECONDS).json()
        schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config())
        schema.config.generation.update(with_security_parameters=False)
        self._document = document
        self._codes = frozenset(document["components"]["schemas"]["ProblemCode"]["enum"])
        self._operations = [found.ok() for found in schema.get_all_operations()]
        self._in_a_row = in_a_row
        self._url = url
        self._learner = FuzzLearner(url, database_url)
        self._connections = requests.Session()
        self.figures = Figures()

    @property
    def labels(self) -> list[str]:
        """The operations, as the figures name them."""
        return [operation.label for operation in self._operations]

    def run(self, *, at_least: int, within_seconds: float = float("inf"), first_seed: int = 0) -> Figures:
        """Loops over all operations until there are enough requests or time is up; at least once."""
        began = time.monotonic()
        turn = first_seed
        while self.figures.requests < at_least and time.monotonic() - began < within_seconds:
            for operation in self._operations:
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    self._explore(operation, mode, turn)
            turn += 1
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _explore(self, operation: APIOperation, mode: GenerationMode, turn: int) -> None:
        @seed(turn)
        @settings(
            max_examples=self._in_a_row // 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), existing=st.booleans())
        def send(case: Case, existing: bool) -> None:
            if existing and mode is GenerationMode.POSITIVE:
                self._use_existing_ids(case)
            self._send(case)

        with suppress(Unsatisfiable):  # an operation without parameters and body has no invalid request
            send()

    def _use_existing_ids(self, case: Case) -> None:
        """Puts ids, email and password of the learner into a generated request."""
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self._learner.id_for(case.path)
        if isinstance(case.body, dict):
            case.body = {name: self._learner.members.get(name, value) for name, value in case.body.items()}

    def _send(self, case: Case) -> None:
        self._connections.cookies.clear()
        response = case.call(
            base_url=self._url,
            session=self._connections,
            headers=self._learner.headers,
            timeout=TIMEOUT_SECONDS,
        )
        self.figures.requests += 1
        self.figures.statuses[response.status_code] += 1
        self.figures.by_operation[case.operation.label] += 1
        self.figures.accepted[case.operation.label] += response.status_code < 400
        self._check(case, response)
        if response.status_code == 401 or (case.method == "DELETE" and response.status_code == 204):
            self._learner.renew()

    def _check(self, case: Case, response: Any) -> None:
        if _was_not_http(response):
            return
        own = [_no_server_error, _carries_a_request_id, _speaks_our_words, _refuses_what_is_invalid]
        own += [self._has_a_listed_code, self._conforms_to_its_schema]
        try:
            case.validate_response(response, checks=[*own, *CHECKS])
        except FailureGroup as group:
            for failure in group.exceptions:
                self.figures.failures.setdefault((case.operation.label, type(failure).__name__), str(failure))

    def _has_a_listed_code(self, _: Any, response: Any, __: Case) -> None:
        if response.headers.get("content-type") == ["application/problem+json"]:
            code = response.json()["code"]
            assert code in self._codes, f"{code} is not a ProblemCode"

    def _conforms_to_its_schema(self, context: Any, response: Any, case: Case) -> None:
        """The schema of a stream is that of the data of each event; schemathesis takes it for the event."""
        [content_type] = response.headers.get("content-type", [""])
        if not content_type.startswith(EVENT_STREAM):
            checks.response_schema_conformance(context, response, case)
            return
        operation = self._document["paths"][case.operation.path][case.method.lower()]
        schema = operation["responses"]["200"]["content"][EVENT_STREAM]["schema"]
        validator = OAS31Validator({**schema, "components": self._document["components"]})
        for data in re.findall("(?m)^data: (.*)$", response.content.decode()):
            assert validator.is_valid(json.loads(data)), f"no data of an event by the document: {data[:500]}"


def _was_not_http(response: Any) -> bool:
    """Whether aiohttp refused the request before Cara saw it, such as for a header field that is too long."""
    [content_type] = response.headers.get("content-type", [""])
    from_aiohttp = content_type.startswith("text/plain") and "x-request-id" not in response.headers
    return response.status_code == HTTPStatus.BAD_REQUEST and from_aiohttp


def _no_server_error(_: Any, response: Any, case: Case) -> None:
    assert response.status_code < 500, f"answered {response.status_code}: {case.as_curl_command()}"


def _carries_a_request_id(_: Any, response: Any, __: Case) -> None:
    assert response.headers.get("x-request-id"), "no request id"


def _speaks_our_words(_: Any, response: Any, __: Case) -> None:
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        assert not PYDANTICS_WORDS.search(response.text), response.text


def _refuses_what_is_invalid(context: Any, response: Any, case: Case) -> None:
    """Texts with markup or control characters are excepted, because they are validated after cleaning.

    A body that is too large is refused as well, which schemathesis does not count as a refusal.
    """
    if response.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE and all(
        without_markup(text) == text for text in _texts(case.body)
    ):
        checks.negative_data_rejection(context, response, case)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
