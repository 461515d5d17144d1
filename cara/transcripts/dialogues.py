"""Whether a text is a dialogue, and which of the lines that look like labels are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from cara.transcripts.label_names import is_capitalized, is_known, is_stage_mark, may_be_name
from cara.transcripts.label_shapes import Label, Shape
from cara.transcripts.utterances import speaker_key

# A header states the title, the date and who takes part; what is longer or is in sentences is a talk.
_HEADER_WORDS = 60
_HEADER_LINE_WORDS = 14
_ENDS_SENTENCE = re.compile(r"[.!?。！？…]['\"”’)]?\s*$")
_LINE_ENDS = re.compile(r"[\r\n]+")
_STATES_FACT = re.compile(r"[^\n:：]{1,40}[:：]|\W")

# What stands before the names of messengers' exports is proof enough.
_ANY_NAME = frozenset({"dated", "zoom chat", "chat"})

_key = lru_cache(4_096)(speaker_key)


def dialogue_labels(text: str, shape: Shape, found: Sequence[Label]) -> list[Label]:
    """Returns the labels of a dialogue among lines of a shape; none if the text is no such dialogue.

    A label is a fact about the whole text: its name is known (You, Coach, Speaker 1, …) or it recurs, labels
    begin the text or follow a short header, and words follow them.
    """
    if shape.kind == "chevrons":
        return list(found) if len(found) > 1 else []
    named = [label for label in found if label.name is None or _possible(label.name, shape)]
    if not named:
        return []
    labels = _of_first_style(named) if shape.kind == "colon" else named
    keys = _speakers(labels, shape)
    chosen = [label for label in labels if label.name is None or _key(label.name) in keys]
    return chosen if chosen and _is_dialogue(text, shape, chosen, keys) else []


def _possible(name: str, shape: Shape) -> bool:
    if shape.kind in _ANY_NAME or shape.kind == "court":
        return True
    if shape.kind == "screenplay" and not name.isupper():
        return False
    if shape.kind == "brackets" and is_stage_mark(name):
        return False
    return is_known(_key(name) or "") or may_be_name(name)


def _of_first_style(labels: list[Label]) -> list[Label]:
    """Returns the labels that are decorated with times as the first one is.

    Where the first has a time, a later one may lack it if its name is known or has stood at a time.
    """
    if not labels[0].decorated:
        return [label for label in labels if not label.decorated]
    timed = {_key(label.name) for label in labels if label.decorated}
    return [label for label in labels if label.decorated or _is_sure(_key(label.name), timed)]


def _is_sure(key: str | None, timed: set[str | None]) -> bool:
    return key in timed or is_known(key or "")


def _speakers(labels: list[Label], shape: Shape) -> set[str | None]:
    """Returns the keys of the names that are speakers' by what they are and how they recur."""
    names = {key: label.name for label in reversed(labels) if (key := _key(label.name))}
    counts = Counter(key for label in labels if (key := _key(label.name)))
    if shape.kind in _ANY_NAME:
        return set(counts)
    if shape.timed or shape.kind == "court" or labels[0].clock:
        proven = {_key(label.name) for label in labels if label.clock or shape.kind == "court"}
        capitalized = {key for key in proven if is_capitalized(names.get(key or "") or "")}
        return capitalized | {key for key in counts if counts[key] > 1 or is_known(key)}
    keys: set[str | None] = {key for key in counts if counts[key] > 1 or is_known(key)}
    single = [key for key in counts if key not in keys and is_capitalized(names[key] or "")]
    full = {key for key in single if " " in key and not key[-1].isdigit()}
    if keys and all(" " in (key or "") for key in keys):
        return keys | full
    if len(keys) == 1 and len(single) == 1 and _answers(labels, keys, single[0]):
        return keys | set(single)
    return keys


def _answers(labels: list[Label], keys: set[str | None], single: str) -> bool:
    """Returns whether the name that occurs once is of who answers, not the beginning of a line."""
    order = [_key(label.name) for label in labels]
    if any(is_known(key or "") for key in keys):
        return True
    return single in order[:-1] and order.index(single) > 0


def _is_dialogue(text: str, shape: Shape, labels: list[Label], keys: set[str | None]) -> bool:
    header = text[: labels[0].start].strip("\ufeff \t\r\n")
    timed = shape.timed or labels[0].clock is not None
    sure = any(is_known(key or "") for key in keys)
    if not _say_something(text, labels) or (
        header and not _is_header(header, len(text), len(labels), timed=timed, sure=sure)
    ):
        return False
    if timed or (sure and shape.kind in ("colon", "brackets")):
        return len(labels) > 1 or not header
    if shape.kind == "court" or (sure and shape.kind == "screenplay"):
        return len(keys) > 1
    if len(keys) > 1:
        return len(labels) > (3 if header else 2)
    return shape.kind in ("colon", "brackets") and not header and _begins_paragraphs(text, labels)


def _begins_paragraphs(text: str, labels: list[Label]) -> bool:
    """Returns whether the one name recurs at paragraphs as that of the only speaker does."""
    paragraphs = sum(1 for paragraph in _LINE_ENDS.split(text) if paragraph.strip())
    return len(labels) > 1 and 2 * len(labels) >= paragraphs and is_capitalized(labels[0].name or "")


def _say_something(text: str, labels: list[Label]) -> bool:
    """Returns whether words follow at least half of the labels."""
    ends = [label.start for label in labels[1:]] + [len(text)]
    silent = sum(
        1
        for label, end in zip(labels, ends, strict=True)
        if text[label.end : end].isspace() or label.end >= end
    )
    return 2 * silent <= len(labels)


def _is_header(header: str, characters: int, labels: int, *, timed: bool, sure: bool) -> bool:
    words = len(header.split())
    if words > _HEADER_WORDS:
        return False
    if timed or (sure and labels > 3 and words <= _HEADER_WORDS // 2):
        return True
    if labels > 5 and 6 * len(header) < characters:
        return True
    return all(_is_header_line(line) for line in header.splitlines() if line.strip())


def _is_header_line(line: str) -> bool:
    if _STATES_FACT.match(line.strip()):
        return True
    return len(line.split()) <= _HEADER_LINE_WORDS and not _ENDS_SENTENCE.search(line[-80:])
