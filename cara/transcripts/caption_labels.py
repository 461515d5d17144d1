"""Labels in captions: what stands before a colon or in brackets is one only where it behaves like one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from cara.transcripts.speakers import LEARNER_LABELS, OTHER_LABELS
from cara.transcripts.utterances import speaker_key

_KNOWN = LEARNER_LABELS | OTHER_LABELS

_LABEL = re.compile(
    r"[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069]*+(?:[-–—‐][ \t]*+)?"
    r"(?:(?P<name>[\w+][^:：\n]{0,60}+)(?::(?![/\d:])|：)"
    r"|\[(?P<bracketed>[\w+][^\[\]\n]{0,60}+)\][:：]?(?=\s)"
    r"|\((?P<capitals>[\w+][^()\n]{0,60}+)\)[:：]?(?=\s))"
    r"\s*+"
)
_ASIDE = re.compile(r"\s*+\([^()]{0,40}+\)$")
_SENTENCE = re.compile(r"[?!;…\"“”„«»<>{}=]|[.,]\s.*[.,]\s")
_STAGE = re.compile(
    r"\b(?:\w+ing|laughs?|laughter|musi[ckq]\w*|música|músicas?|applau\w*|aplauso?s|applaudissements|sighs?"
    r"|inaudible|unintelligible|indistinct|crosstalk|silence|noises?|pause|coughs?|gasps?|sounds?|risas|rires"
    r"|gelächter|chuckles?|foreign|blank_audio|theme|song|音楽|音乐|拍手|笑|笑い|掌声)\b",
    re.IGNORECASE,
)
_PROSE = frozenset(
    """
    note notes so now first firstly second secondly third thirdly fourth finally last lastly next then
    remember warning tip tips question answer example examples ps p.s result results reason reasons
    problem solution conclusion summary step part chapter lesson point rule option section day week month
    year phase stage number goal objective idea fact again also and but or because well okay ok yes no
    why what how when where who which that this it the an is my our your
    """.split()
)


class Label(NamedTuple):
    """What may be a label at the start of a line, and how many characters it and the signs around it have.

    `key` is the name as labels are compared. `is_strong` if it looks like nothing else: capitals, several
    names, or a name and a number.
    """

    name: str
    key: str | None
    length: int
    is_strong: bool


def label_at(text: str, position: int) -> Label | None:
    """Returns what may be a label at a position."""
    match = _LABEL.match(text, position)
    return match and _label(match[0], match[match.lastgroup or 0], match.lastgroup)


@lru_cache(maxsize=1024)
def _label(written: str, name: str, kind: str | None) -> Label | None:
    name = name.strip()
    is_strong = _looks_strong(name, kind)
    return None if is_strong is None else Label(name, speaker_key(name), len(written), is_strong)


def _looks_strong(name: str, kind: str | None) -> bool | None:
    """Returns whether a label is a strong one, None if it is no label."""
    words = _ASIDE.sub("", name).split()
    if not words or not _may_be_name(name, words):
        return None
    if kind != "name" and (_STAGE.search(name) or (kind == "capitals" and not name.isupper())):
        return None
    return kind == "name" and _is_strong(words)


def is_name_alone(line: str) -> bool:
    """Returns whether a line of its own may be a name: it is short, and written as names are."""
    words = line.split()
    is_short = len(line) <= 60 and (line[-1].isalnum() or line[-1] == ")")
    return is_short and not any(word[0].islower() for word in words) and _may_be_name(line, words)


def is_full_name(line: str) -> bool:
    """Returns whether a name has several words that begin with capitals and go on otherwise."""
    return not line.isupper() and _is_strong(line.split())


def _may_be_name(name: str, words: list[str]) -> bool:
    if len(words) > 5 or _SENTENCE.search(name) or words[0].casefold().strip(".,") in _PROSE:
        return False
    return name[0].isupper() or not name[0].islower() or len(words) <= 2


def _is_strong(words: list[str]) -> bool:
    together = "".join(words)
    if together.isupper() and len(together) > 1:
        return True
    return len(words) > 1 and all(word[0].isupper() or word[0].isdigit() for word in words)


def accepted(lines: Sequence[tuple[int, Label | None, bool]]) -> frozenset[str | None]:
    """Returns the keys of the labels that behave like labels.

    `lines` are those of all cues: the number of the cue, what may be its label, and whether a `>>` stands
    before it. Labels recur, stand in most cues, follow a `>>`, or are several that look like nothing else.
    """
    labels = [(cue, label.key, label) for cue, label, _ in lines if label]
    if not labels:
        return frozenset()
    counts = Counter(key for _, key, _ in labels)
    recurring = {key for key, count in counts.items() if count > 1}
    recurrences = sum(counts[key] for key in recurring)
    share = len({cue for cue, _, _ in labels}) / len({cue for cue, _, _ in lines})
    if share > 0.5 and (2 * recurrences >= len(labels) or (share == 1 and len(counts) == 1)):
        return frozenset(counts)
    if lines[0][1] and recurring and len(counts) > 1 and len(labels) > 2:
        return frozenset(counts)
    strong = {key for _, key, label in labels if label.is_strong or key in _KNOWN}
    if len(strong) < 2 and not strong & recurring:
        strong.clear()
    changed = {label.key for _, label, changes in lines if label and changes}
    return frozenset(strong | changed | (recurring if len(recurring) > 1 else set()))
