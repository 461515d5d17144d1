"""Checks passwords that users want to have: their length, and that they are not guessed early."""

from __future__ import annotations

import re
import string
from functools import cache
from importlib import resources
from typing import Final
from unicodedata import category, normalize

from cara.accounts.passwords import MAX_BYTES, normalize_password, password_bytes
from cara.errors import FieldCode, InvalidInput, InvalidValue
from cara.predictable import is_sequence, repeated_part

MIN_CHARACTERS: Final = 8
_MIN_LOCAL_PART_CHARACTERS: Final = 3
_OWN_WORDS: Final = re.compile(
    "cara|coach(?:ing)?|communications?|speech|practice|feedback|demo|learners?|sessions?|interviews?"
)
_FILLERS: Final = re.compile(r"(?<![^\W\d_])(?:my|the|your|our|ai|app|is|and|for|login|password)(?![^\W\d_])")
_SUBSTITUTIONS: Final = tuple(str.maketrans("@0345$1", f"aoeass{one}") for one in "li")
"""The letters that digits and signs usually stand for; 1 stands for two of them."""
_AT_THE_ENDS: Final = string.punctuation + string.whitespace
_REASONS: Final[dict[FieldCode, str]] = {
    "password_common": "must not be one of the most common ones",
    "password_repetitive": "must not be one short part over and over",
    "password_sequential": "must not be one run of neighbouring characters",
    "password_service_words": "must not be made of the words of this service",
    "password_email": "must not contain the name in your email address",
    "password_name": "must not be just your name",
}


class WeakPassword(InvalidInput):
    """The password is refused; the detail says why."""

    def __init__(self, refusal: InvalidValue, *, member: str) -> None:
        super().__init__(f"The password {refusal.message}.", fields=(refusal.at(member),))


def check_new_password(password: str, *, email: str, name: str, member: str = "password") -> None:
    """Checks a password that a user wants to have; `member` is its name in the request.

    Upper and lower case make no difference, and neither do the forms of a character: `ｐ` is `p`.

    Raises:
        WeakPassword: it is shorter than 8 characters or longer than 1,024 bytes, or a guess that comes early:
            one of the most common ones, also between signs or with `@` for `a` and the like; as a whole one
            run or one part over and over, the words of this service, or the user's name; or anything with
            the part of the email before the @, if that has 3 characters or more: shorter ones occur in too
            many words by chance.
    """
    password = normalize_password(password)
    refusal = _length_refusal(password) or _guess_refusal(
        _folded(password), _folded(email.partition("@")[0]), _folded(name)
    )
    if refusal:
        raise WeakPassword(refusal, member=member)


def _length_refusal(password: str) -> InvalidValue | None:
    if len(password) < MIN_CHARACTERS:
        message = f"must have at least {MIN_CHARACTERS} characters"
        return InvalidValue("too_short", message, limit=MIN_CHARACTERS)
    if len(password_bytes(password)) > MAX_BYTES:
        return InvalidValue("too_long", f"must have at most {MAX_BYTES:,} bytes", limit=MAX_BYTES)
    return None


def _guess_refusal(password: str, local_part: str, name: str) -> InvalidValue | None:
    """Returns why the password would be guessed early, if it would; all of it is folded."""
    part = repeated_part(password)
    refusals: dict[FieldCode, bool] = {
        "password_common": _is_common(password, part),
        "password_repetitive": len(part) < MIN_CHARACTERS,
        "password_sequential": _is_run(password),
        "password_service_words": any(map(_is_of_own_words, _readings(password))),
        "password_email": len(local_part) >= _MIN_LOCAL_PART_CHARACTERS and local_part in password,
        "password_name": _is_name(password, part, name),
    }
    code = next((code for code, refused in refusals.items() if refused), None)
    return InvalidValue(code, _REASONS[code]) if code else None


def _folded(text: str) -> str:
    """Returns the text as it is compared: small letters, without forms of them and what nobody sees."""
    seen = "".join(character for character in normalize_password(text) if category(character) != "Cf")
    return normalize("NFKC", normalize("NFKC", seen).casefold())


def _readings(text: str) -> set[str]:
    """Returns the text as it is and with letters for the digits and signs that stand for them."""
    return {text, *(text.translate(letters) for letters in _SUBSTITUTIONS)}


def _is_common(password: str, part: str) -> bool:
    """Returns whether the password, or the part that it repeats, is a common one, with or without signs."""
    forms = {password, part, password.strip(_AT_THE_ENDS), part.strip(_AT_THE_ENDS)}
    return any(not _common_passwords().isdisjoint(_readings(form)) for form in forms)


def _is_run(password: str) -> bool:
    """Returns whether the password, or what stands between its spaces and signs, is a sequence."""
    between = _alphanumeric(password)
    return is_sequence(password) or (2 * len(between) >= len(password) and is_sequence(between))


def _is_of_own_words(password: str) -> bool:
    """Returns whether the letters of the password are words of this service, with or without fillers."""
    others, own_words = _OWN_WORDS.subn("", password)
    return own_words > 0 and not any(map(str.isalpha, _FILLERS.sub("", others)))


def _is_name(password: str, part: str, name: str) -> bool:
    """Returns whether the password is the name, or a part of it, or its parts in either order."""
    if name in (password, part):
        return True
    words = list(filter(None, map(_alphanumeric, name.split())))
    names = {"".join(words), "".join(reversed(words)), *words}
    between = _alphanumeric(password)
    return 2 * len(between) >= len(password) and not names.isdisjoint({between, _alphanumeric(part)})


def _alphanumeric(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@cache
def _common_passwords() -> frozenset[str]:
    listed = resources.files("cara.accounts").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if not line.startswith("#"))
