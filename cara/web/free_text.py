"""Marks the members of request models that people write freely, and takes markup out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from annotated_types import GroupedMetadata, MaxLen, MinLen
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from cara.web.markup import without_markup

LARGE_BODY_BYTES: Final = 10_000

Clean = Callable[[Any], Any]
"""Takes a raw value and returns it with its free texts cleaned; what has another shape stays as it is."""


@dataclass(frozen=True)
class FreeText(GroupedMetadata):
    """`Annotated[str, FreeText(1, 200)]`: cleaned of markup first, then held to 1 to 200 characters.

    On a container (`Annotated[dict[str, Any], FreeText()]`) every string in it is cleaned, but no key.
    """

    min_length: int = 0
    max_length: int | None = None

    def __iter__(self) -> Iterator[object]:
        if self.min_length:
            yield MinLen(self.min_length)
        if self.max_length is not None:
            yield MaxLen(self.max_length)


def clean_members(model: type[BaseModel], payload: object) -> object:
    """A copy of the raw payload in which the members that the model marks `FreeText` hold no markup.

    Follows nested models, lists, mappings and unions. Never touches keys or unmarked members, and judges
    nothing: what does not fit the model is left for its validation.
    """
    return _clean_model(model, payload)


def _clean_model(model: type[BaseModel], value: Any) -> Any:
    if model.__pydantic_root_model__:
        return _members(model).get("root", _unchanged)(value)
    if not isinstance(value, dict):
        return value
    members = _members(model)
    return {key: members[key](item) if key in members else item for key, item in value.items()}


@cache
def _members(model: type[BaseModel]) -> Mapping[str, Clean]:
    """What to do with each member that is, or holds, free text; by every name that it is accepted under."""
    plan: dict[str, Clean] = {}
    for name, field in model.model_fields.items():
        if clean := _clean_for(field.annotation, tuple(field.metadata)):
            plan |= dict.fromkeys((name, *_aliases(field)), clean)
    return plan


def _aliases(field: FieldInfo) -> list[str]:
    alias = field.validation_alias or field.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)]


def _clean_for(annotation: Any, metadata: tuple[object, ...] = ()) -> Clean | None:
    """How to clean a value of this annotation; None when no free text can stand in it."""
    if any(isinstance(item, FreeText) for item in metadata):
        return _clean_text if _is_text(annotation) else _clean_all
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _clean_for(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        return _in_turn([clean for argument in arguments if (clean := _clean_for(argument))])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return lambda value: _clean_model(annotation, value)
    if origin is not None and arguments and (clean := _clean_for(_item_of(origin, arguments))):
        return lambda value: _clean_items(clean, value)
    return None


def _item_of(origin: Any, arguments: tuple[Any, ...]) -> Any:
    """What a list, set, tuple or mapping holds."""
    return arguments[1] if isinstance(origin, type) and issubclass(origin, Mapping) else arguments[0]


def _in_turn(alternatives: list[Clean]) -> Clean | None:
    if not alternatives:
        return None

    def clean(value: Any) -> Any:
        for alternative in alternatives:
            value = alternative(value)
        return value

    return clean


def _is_text(annotation: Any) -> bool:
    return annotation is str or set(get_args(annotation)) == {str, type(None)}


def _clean_text(value: Any) -> Any:
    return without_markup(value) if isinstance(value, str) else value


def _clean_all(value: Any) -> Any:
    return without_markup(value) if isinstance(value, str) else _clean_items(_clean_all, value)


def _clean_items(clean: Clean, value: Any) -> Any:
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    return value


def _unchanged(value: Any) -> Any:
    return value
