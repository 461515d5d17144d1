"""Requests that can be repeated without harm: a client marks them with a key of its own.

Each operation remembers its keys in a table of its own, by learner: a key means nothing to another operation.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_core import to_json

from cara.errors import Conflict
from cara.web.handlers import Header
from cara.web.models import Spelling


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"
    detail = "This Idempotency-Key was used for another request."


IdempotencyKey = Annotated[
    Annotated[
        str,
        Field(min_length=1, max_length=200),
        Spelling(r"^[\x21-\x7e]+$", "must be of visible ASCII characters, without blanks"),
    ]
    | None,
    Header(
        "Idempotency-Key",
        "Makes it harmless to ask again: the same key with the same body gets what it got the first time.",
    ),
]


def hash_of_request(body: BaseModel) -> bytes:
    """Identifies a request by what was sent, independently of what has become of its subject.

    Defaults are left out, so that a member that a later release adds changes no hash.
    """
    return hashlib.sha256(to_json(body.model_dump(exclude_defaults=True))).digest()
