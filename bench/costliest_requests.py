"""Requests that may be expensive: a valid one of each route, and what can be changed about it, at random."""

from __future__ import annotations

import gzip
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from cara.web.routing import Route

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_FIELD_BYTES: Final = 8_000
LENGTHS: Final = (45, 100, 200, 900, 2_000, 4_000, 8_000, 31_900, 200_000, 1_000_000)
"""Lengths of texts: just within the bounds of members, of threads and of bodies."""

_MARKUP: Final = (
    "<|<a |<a b=|<a b=&lt;|<b>&lt;|<<<b>b>b>|&amp;lt;<b a=|<b a='|<x y=\"|</b>|<script>|</script|<style|<!--"
    "|<!doctype |<?xml |<![CDATA[|<x onclick=|<i href=|&|&lt;|&#60;|&#x3c;|&amp;|&amp;amp;lt;|&notin;|&#|>|="
)
_CHARACTERS: Final = "'\"/\\ \n\r\t\x07\x85\u202e\u200f\u3164\u1160\u0301é日😀,;:.-09@%"
_TEXTS: Final = (
    "a b |e\u0301|Speaker 1: um\n|a: |[00:01] A: so\n|1\n00:00:01,000 --> 00:00:02,000\nhi\n\n|WEBVTT\n\n|"
    '00:01.000 --> 00:02.000\n<v Ann>hi</v>\n\n|{"a":[|{"start":0.1,"text":"a"},|]}|1e9|%3c|W/|"1",|q=0.5,'
    "|*/*,|1.2.3.4,|::1,"
)
FRAGMENTS: Final = (*_MARKUP.split("|"), *_CHARACTERS, *_TEXTS.split("|"))
FIELDS: Final = """Accept Accept-Encoding Access-Control-Request-Headers Authorization Content-Encoding
Content-Type Cookie Forwarded Idempotency-Key If-Match If-None-Match Last-Event-ID Origin Prefer
Sec-Fetch-Site User-Agent X-Forwarded-For X-Request-Id""".split()
PARAMETERS: Final = """from to tz cursor limit offset featureType completed scope ticket sessionId
status token""".split()
PASSWORD: Final = "correct horse battery"

_ACCOUNT: Final = {"email": "fuzz@example.com", "name": "A", "role": "B", "password": PASSWORD}
_EVENT: Final = {"eventType": "a", "metadata": {"a": "b"}, "occurredAt": "2026-01-31T09:30:00Z"}
_GOAL: Final = {"goal": {"audience": "a", "targetSeconds": 60, "focus": ["b", "c"]}}
_PRACTICED: Final = {"practicedAt": "2026-01-31T09:30:00Z"}
_TURN: Final = {"role": "user", "content": "hello"}
_WORD: Final = {"word": "hello", "start": 0.5, "end": 0.75}
_UTTERANCE: Final = {"speaker": "Ann", "text": "hello", "start": 0.5, "end": 0.75, "words": [_WORD]}
_CHANGES: Final = {
    **{"title": "a", "description": "b", "transcript": "You: hello", "feedbackJson": {"a": ["b"]}, **_GOAL},
    **{"score": 90.5, "durationSeconds": 60, "clarity": 1, "pace": 2, "confidence": 3, "tone": 4},
}
BODIES: Final[dict[str, list[Any]]] = {
    "POST /api/auth/register": [_ACCOUNT],
    "POST /api/auth/login": [{"email": "fuzz@example.com", "password": PASSWORD}],
    "POST /api/auth/refresh": [{"refreshToken": "a" * 43}],
    "POST /api/auth/logout": [{"refreshToken": "a" * 43}],
    "POST /api/auth/password": [{"currentPassword": PASSWORD, "newPassword": "battery staple horse"}],
    "POST /api/auth/reauthenticate": [{"password": PASSWORD}],
    "DELETE /api/users/me": [{"password": PASSWORD}],
    "PATCH /api/users/me": [{"name": "A", "role": "B", "timezone": "Europe/Berlin"}],
    "POST /api/sessions": [
        {"featureType": "conversation", "title": "a", "description": "b", **_GOAL, **_PRACTICED},
    ],
    "PATCH /api/sessions/{id}": [
        _CHANGES,
        {"feedbackJson": {"a": ["<<<b>b>b>" * 5] * 19_000}},
        {"feedbackJson": {"a": ["b"] * 19_000}},
        {"feedbackJson": {"a": ["@number:0.1000000000000000055511151231257827"] * 19_000}},
        {"feedbackJson": {f"a{number}": {"b": number} for number in range(9_000)}},
        {"feedbackJson": {"a": "&amp;lt;<b a=" * 80_000}},
        {"feedbackJson": {"a": "a \n" * 250_000}},
        {"transcript": "<a b=" * 40_000},
    ],
    "POST /api/gemini/generate-feedback": [
        {
            "sessionId": "{session}",
            "transcript": "You: hello, so we begin with the budget of the clinic for June.",
        },
        {"sessionId": "{session}", "utterances": [_UTTERANCE], "learnerLabel": "Ann"},
        {"sessionId": "{session}", "utterances": [{**_UTTERANCE, "words": [_WORD] * 40}] * 450},
        {"sessionId": "{session}", "utterances": [{"text": "a"}] * 20_000},
    ],
    "POST /api/transcripts/inspect": [
        {"transcript": "Bob: Why you?\nAnn: I like it.", "transcriptFormat": "labeled"},
        {"transcript": "Ann: <a b=\n" * 18_000},
    ],
    "POST /api/gemini/process": [
        {"prompt": "Tell me how to begin.", "conversationHistory": [_TURN]},
        {"prompt": "Tell me how to begin.", "sessionId": "{session}"},
        {"prompt": "hello", "conversationHistory": [{**_TURN, "content": "<a b=&lt;" * 100}] * 1_000},
        {"prompt": "hello", "conversationHistory": [_TURN] * 1_000},
    ],
    "POST /api/analytics/events": [
        _EVENT,
        {"events": [_EVENT] * 500},
        {"events": [{**_EVENT, "metadata": {"a": "<b>&lt;" * 270}}] * 500},
    ],
}
"""Valid bodies by route, which the search begins with; `{session}` is a session of the sender."""

_NUMBER: Final = re.compile(rb'"@number:([^"]*)"')
_NUMBERS: Final = ("1" * 400, "0." + "1" * 400, "5e-324", "9007199254740993", "1e308", "-0.0", "1E+0029")


@dataclass(frozen=True)
class Shape:
    """A request to a route before it is written as bytes; `encoding` names one of `ENCODINGS`."""

    content: Any = None
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    encoding: str = "plain"

    def body(self) -> bytes | None:
        """Returns the bytes of the body."""
        return None if self.content is None else ENCODINGS[self.encoding](self.json())

    def json(self) -> bytes:
        """Returns the content as JSON, numbers of any length included."""
        text = json.dumps(self.content, separators=(",", ":"), ensure_ascii=False)
        return _NUMBER.sub(rb"\1", text.encode("utf-8", "replace"))

    def described(self) -> str:
        """Returns the beginning of each part, for a person."""
        given = Counter((*self.headers, *self.query))
        fields = [
            f"{count} x {name}: {value[:30]!r} ({len(value):,})" for (name, value), count in given.items()
        ]
        start = (
            "" if self.content is None else f"{self.encoding} {self.json()[:90].decode(errors='replace')!r}"
        )
        return " ".join([start, *fields])


def shapes_of(route: Route, with_body: bool) -> list[Shape]:
    """Returns the valid requests of a route that the search begins with."""
    return [Shape(content) for content in BODIES[f"{route.method} {route.path}"]] if with_body else [Shape()]


def mutated(shape: Shape, rng: random.Random) -> Shape:
    """Returns the request with one to three changes, small enough to be read by the server."""
    for _ in range(rng.randint(1, 3)):
        changes = [_with_field, _with_parameter]
        if shape.content is not None:
            changes = [_with_changed_content] * 8 + [_with_encoding, *changes]
        changed = rng.choice(changes)(shape, rng)
        if len(changed.body() or b"") <= MAX_BODY_BYTES:
            shape = changed
    return shape


def _with_field(shape: Shape, rng: random.Random) -> Shape:
    name = rng.choice(FIELDS)
    others = tuple(field for field in shape.headers if field[0] != name)[-4:]
    value = _text(rng, MAX_FIELD_BYTES).translate({ord(each): None for each in "\r\n\0\x07\x85"})
    value = value.encode("utf-8", "replace")[:MAX_FIELD_BYTES].decode("utf-8", "ignore")
    return replace(shape, headers=(*others, *[(name, value)] * rng.choice((0, 1, 1, 1, 3, 90))))


def _with_parameter(shape: Shape, rng: random.Random) -> Shape:
    others = shape.query[-3:] if rng.random() < 0.8 else ()
    text = _text(rng, rng.choice((10, 200, 2_000)))
    return replace(shape, query=(*others, (rng.choice([*PARAMETERS, text[:20]]), text)))


def _with_encoding(shape: Shape, rng: random.Random) -> Shape:
    return replace(shape, encoding=rng.choice(list(ENCODINGS)))


def _with_changed_content(shape: Shape, rng: random.Random) -> Shape:
    return replace(shape, content=_changed(shape.content, rng))


def _changed(value: Any, rng: random.Random) -> Any:
    """Returns the JSON value with one change, somewhere in it."""
    if isinstance(value, dict) and value:
        if rng.random() < 0.9:
            name = rng.choice(list(value))
            return {**value, name: _changed(value[name], rng)}
        return {**value, _text(rng, rng.choice((5, 100, 60_000))): rng.choice(list(value.values()))}
    if isinstance(value, list) and value:
        return _changed_list(value, rng)
    if isinstance(value, str) and rng.random() < 0.9:
        return _changed_text(value, rng)
    return rng.choice((_nested, _number, lambda _, rng: _text(rng, 100), lambda v, _: [v] * 2))(value, rng)


def _changed_list(values: list[Any], rng: random.Random) -> list[Any]:
    choice = rng.random()
    if choice < 0.3:
        return (values * 2)[:20_000]
    if choice < 0.4:
        return values[: max(1, len(values) // 2)]
    changed = _changed(rng.choice(values), rng)
    if choice < 0.6:
        return [*values[:-1], changed]
    wanted = rng.choice((len(values), 10, 190, 500, 1_000, 19_000))
    return [changed] * max(1, min(wanted, MAX_BODY_BYTES // len(json.dumps(changed))))


def _changed_text(text: str, rng: random.Random) -> str:
    choice = rng.random()
    if choice < 0.4 or not text:
        return _text(rng, rng.choice(LENGTHS))
    if choice < 0.6:
        return (text * 2)[: rng.choice(LENGTHS)]
    if choice < 0.8:
        return text[: max(1, int(len(text) * rng.random()))]
    place = rng.randrange(len(text))
    return text[:place] + _text(rng, rng.choice((5, 100, 10_000))) + text[place + rng.randrange(20) :]


def _text(rng: random.Random, length: int) -> str:
    """Returns a text of that length in which a few fragments repeat."""
    period = "".join(rng.choices(FRAGMENTS, k=rng.choice((1, 1, 1, 2, 2, 3, 4))))
    if rng.random() < 0.1:
        period = "".join(rng.choices(FRAGMENTS, k=200))
    return (period * (length // len(period) + 1))[:length]


def _nested(value: Any, rng: random.Random) -> Any:
    for _ in range(rng.choice((1, 4, 30))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def _number(_: Any, rng: random.Random) -> str:
    return f"@number:{rng.choice(_NUMBERS)}"


def _escaped(raw: bytes) -> bytes:
    """Writes what strings hold as escapes, as far as the bounds of a body let it."""
    return re.sub(rb"[<&>a=]", lambda found: b"\\u%04x" % found[0][0], raw)


def _repeating_members(raw: bytes) -> bytes:
    return raw[:-1] + b"," + b",".join([raw[1:-1]] * min(20, MAX_BODY_BYTES // max(1, len(raw)))) + b"}"


ENCODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "members of gzip": lambda raw: gzip.compress(raw[:1000], 1) + gzip.compress(b"", 1) * 50_000,
    "escaped": _escaped,
    "repeated members": _repeating_members,
    "blanks": lambda raw: b" " * (MAX_BODY_BYTES - len(raw)) + raw,
    "broken": lambda raw: raw[:-1],
}
COMPRESSED: Final = {"gzip": "gzip", "deflate": "deflate", "members of gzip": "gzip"}
