"""Who speaks, as JSON says it: of a phrase, of a word, or anywhere at all."""

from __future__ import annotations

from typing import Any, Final

from cara.transcripts.json_names import Names, names_in
from cara.transcripts.json_times import seconds
from cara.transcripts.located_json import Members, first, text_of

_NAMES_OF_SPEAKERS: Final = (
    "name", "realname", "displayname", "label", "username", "speakerid", "role", "user", "id",
)  # fmt: skip
_TELLING: Final = frozenset({"speaker", "role", "from", "speakerlabels"})
_LEVELS: Final = 2
_LONGEST_LABEL: Final = 100


def speaker_of(members: Members) -> str | None:
    """Returns the label of who speaks, as it is written; None if there is none."""
    return speaker_in(members, names_in(members))


def speaker_in(members: Members, names: Names) -> str | None:
    """Returns the same; `names` are those that the object has."""
    label = label_of(first(members, names.speakers)) if names.speakers else None
    return label or (_sender_of(members) if "from" in members else None)


def label_of(value: Any) -> str | None:
    """Returns a label: a text, a whole number, or the name in an object; None if it is none of them."""
    if value is None:
        return None
    for _ in range(_LEVELS):
        if isinstance(value, dict):
            value = first(value, _NAMES_OF_SPEAKERS)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:_LONGEST_LABEL]
    return (text_of(value) or "").strip()[:_LONGEST_LABEL] or None


def _sender_of(members: Members) -> str | None:
    """Returns who a message is from; what begins at a time says that by the same name."""
    value = members.get("from")
    return label_of(value) if isinstance(value, str | dict) and seconds(value) is None else None


def tells_speakers(root: Members | list[Any]) -> bool:
    """Returns whether JSON says anywhere, beside what is said or when, who speaks."""
    waiting: list[Any] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _tells_one(value):
                return True
            value = value.values()
        waiting += [item for item in value if type(item) is dict or type(item) is list]
    return False


def _tells_one(members: Members) -> bool:
    if _TELLING.isdisjoint(members):
        return False
    table = members.get("speakerlabels")
    if isinstance(table, dict | list) and table:
        return True
    names = names_in(members)
    if names.texts or names.words:
        return any(label_of(members.get(name)) for name in ("speaker", "role")) or bool(_sender_of(members))
    return bool(names.starts) and label_of(members.get("speaker")) is not None
