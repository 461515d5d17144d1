"""Base classes of request and response models, and the response that carries more than a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import methodcaller
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    MISSING,
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from cara.errors import InvalidValue
from cara.web.members import Members

Model = TypeVar("Model", bound=BaseModel)


Instant = Annotated[datetime, AfterValidator(methodcaller("astimezone", UTC))]
"""A point in time, written in UTC as RFC 3339 with a trailing Z."""


ProblemCode = TypeAliasType("ProblemCode", str)
"""The code of a problem. The OpenAPI document lists all of them in its place (`problem_codes`).

Generated clients refuse what an enumeration does not list: with `ProblemCode | str` they read the codes of
later versions, too.
"""


@dataclass(frozen=True)
class Spelling:
    """`Annotated[str, Spelling(pattern, words)]`: a pattern that is told to people in words."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise InvalidValue("format", self.words)
        return text


def example(**members: Any) -> ConfigDict:
    """Returns the configuration of a model with an example for the OpenAPI document, members as in JSON.

    Texts and numbers need one; what else is required is put together (`openapi_examples.py`).
    """
    return ConfigDict(json_schema_extra={"examples": [members]})


class RequestModel(BaseModel):
    """A JSON body: strict types, camelCase members, unknown members refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class PlainlyRead:
    """Mixed into the model of a body of which so many come that the usual ones are read without pydantic."""

    @classmethod
    def read_plain(cls, sent: Mapping[str, object], raw: bytes) -> Self | None:
        """Returns the body if it is plain: valid, and without anything that is taken out of texts.

        `raw` is strict JSON, and `sent` what it holds. For None the body is read like any other, which finds
        what is wrong with it.
        """
        raise NotImplementedError


class PatchModel(RequestModel):
    """The body of a PATCH: a member that is left out stays as it is, and is `MISSING`.

    `None` is a value like any other: `str | MISSING | None` can be cleared, `str | MISSING` cannot.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Raises TypeError for a member with a default: a client that fills it in would overwrite data."""
        super().__pydantic_init_subclass__(**options)
        for name, member in cls.model_fields.items():
            if member.default is not MISSING:
                raise TypeError(f"{cls.__name__}.{name} must be `... | MISSING = MISSING`")

    def provided(self) -> dict[str, Any]:
        """Returns the members that the client sent, by field name."""
        return self.model_dump(exclude_unset=True)


class QueryModel(BaseModel):
    """Query parameters: each is converted to the type of its field; unknown names are refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """A JSON response: camelCase members, made from records or plain values."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        frozen=True,
        json_schema_serialization_defaults_required=True,
    )


@dataclass(frozen=True)
class ApiResponse(Generic[Model]):
    """A model, or its members, with the status and header fields of the response."""

    model: Model | Members | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
