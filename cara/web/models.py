"""Base classes of what comes in and what goes out, and the answer that carries more than a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Model = TypeVar("Model", bound=BaseModel)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc)]
"""A point in time, written in UTC as RFC 3339 with a trailing Z."""


class RequestModel(BaseModel):
    """What a client sends: strict types, camelCase members, unknown members refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


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
        """The members that the client sent, by field name."""
        return self.model_dump(exclude_unset=True)


class QueryModel(BaseModel):
    """QueryModel parameters: text that is read as the type that the field names; unknown names refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class ResponseModel(BaseModel):
    """What a client gets: camelCase members, made from records or plain values."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        frozen=True,
        json_schema_serialization_defaults_required=True,
    )


@dataclass(frozen=True)
class ApiResponse(Generic[Model]):
    """A model together with the status and header fields that belong to it."""

    model: Model | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
