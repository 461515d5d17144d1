"""Base classes of what comes in and what goes out, and the answer that carries more than a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Model = TypeVar("Model", bound=BaseModel)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc)]
"""A point in time, written in UTC as RFC 3339 with a trailing Z."""


class Payload(BaseModel):
    """What a client sends: strict types, camelCase members, unknown members refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """Query parameters: text that is read as the type that the field names; unknown names refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a client gets: camelCase members, made from records or plain values."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        frozen=True,
        json_schema_serialization_defaults_required=True,
    )


@dataclass(frozen=True)
class Answered(Generic[Model]):
    """A model together with the status and header fields that belong to it."""

    model: Model | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
