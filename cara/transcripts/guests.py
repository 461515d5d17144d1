"""Who speaks once in a dialogue, and what stands before a colon inside a turn and is nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cara.transcripts.evidence import Evidence

_SURE_LABELS = 3
# What announces a list: a colon at its end, or how many there will be.
_ANNOUNCES = re.compile(
    r"[:：]\s*$|\b(?:two|three|four|five|six|seven|several|following|\d{1,2})\b", re.IGNORECASE
)
_ANNOUNCEMENT_CHARACTERS = 120
_SMALL = re.compile(r"\W*+[^\W\d_A-Z]")
_SENTENCE = re.compile(
    r"[^\r\n]{0,400}?(?:[.!?。！？…]['\"”’)]?[ \t]*+(?:$|</?\w)|\S[ \t]++\S+[ \t]++\S++[ \t]++\S)",
    re.MULTILINE,
)


def guests(looks: Evidence, speakers: set[str]) -> set[str]:
    """Returns the names that occur once in a dialogue of others which is sure, and stand as theirs do.

    A guest has a name in capitals, begins a line (or a paragraph, where all do) and says a sentence that
    begins as those of the others.
    """
    others = looks.only(speakers)
    if len(speakers) < 2 or len(others.labels) < _SURE_LABELS:
        return set()
    single = (looks.capitalized & looks.counts.keys()) - looks.recurring - speakers - _listed(looks, speakers)
    single = {key for key in single if not key[0].isdigit()}
    if not single or not looks.only(speakers | single).heads_nearly_all:
        return set()
    small = _begin_small(others, speakers) == speakers
    said = looks.only(single)
    return {
        key
        for key, label in zip(said.keys, said.labels, strict=True)
        if key and (small or not _is_small(looks.text, label.end)) and _SENTENCE.match(looks.text, label.end)
    }


def remarks(looks: Evidence) -> set[str]:
    """Returns what recurs before a colon without being anybody.

    These are words that are written as no name is and followed by small letters, where others begin
    otherwise; and the points of a list that somebody announces in a dialogue of known speakers.
    """
    recurring = looks.recurring - looks.known
    small = _begin_small(looks, recurring - looks.capitalized)
    speakers = (looks.recurring | looks.known) - small
    if len(speakers) < 2 or _begin_small(looks, speakers):
        small = set()
    return small | ((_listed(looks, looks.known) - looks.full) if len(looks.known) > 1 else set())


def _begin_small(looks: Evidence, keys: set[str]) -> set[str]:
    """Returns those of the keys behind which all that is said begins with a small letter."""
    if not keys:
        return keys
    labels = zip(looks.keys, looks.labels, strict=True)
    return keys - {key for key, label in labels if key in keys and not _is_small(looks.text, label.end)}


def _is_small(text: str, position: int) -> bool:
    match = _SMALL.match(text, position)
    return match is not None and match[0][-1].islower()


def _listed(looks: Evidence, speakers: set[str]) -> set[str]:
    """Returns the keys that occur nowhere but in lists which one of the speakers announces."""
    listed: set[str] = set()
    elsewhere: set[str] = set(speakers)
    for announced, keys in _runs(looks, speakers):
        (listed if announced and len(keys) > 1 else elsewhere).update(keys)
    return listed - elsewhere


def _runs(looks: Evidence, speakers: set[str]) -> Iterator[tuple[bool, list[str]]]:
    """Yields the keys between those of speakers, and whether the speaker before them announces a list."""
    announced, keys, end = False, list[str](), 0
    for key, label in zip(looks.keys, looks.labels, strict=True):
        if key in speakers:
            yield announced, keys
            announced, keys = False, []
        elif key:
            if not keys and end:
                before = looks.text[max(end, label.start - _ANNOUNCEMENT_CHARACTERS) : label.start]
                announced = bool(_ANNOUNCES.search(before))
            keys.append(key)
        end = label.end
    yield announced, keys
