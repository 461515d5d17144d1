"""Email addresses: which may be registered, and under which of its spellings an account is found."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, EmailStr, StringConstraints, validate_email
from pydantic_core import PydanticCustomError

MAX_CHARACTERS = 254


def _without_display_name(value: Any) -> Any:
    """Refuses `Ada <ada@example.com>`, of which pydantic would silently take a part."""
    if isinstance(value, str) and "<" in value:
        raise ValueError("must be the address alone, without a name before it")
    return value


Email = Annotated[
    EmailStr, BeforeValidator(_without_display_name), StringConstraints(max_length=MAX_CHARACTERS)
]
"""An address as registration stores it: composed characters, an international domain in its own script."""


def normalize_email(typed: str) -> str:
    """How registration would have stored what somebody typed; what is no email only in lower case.

    So whoever registered with one spelling of their address signs in with any other.
    """
    try:
        return validate_email(typed)[1]
    except PydanticCustomError:
        return typed.lower()
