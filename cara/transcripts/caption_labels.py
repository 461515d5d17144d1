"""Labels in captions: what stands before a colon or in brackets is one only where it behaves like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cara.transcripts.speakers import LEARNER_LABELS, OTHER_LABELS
from cara.transcripts.utterances import speaker_key

_KNOWN = LEARNER_LABELS | OTHER_LABELS

_LABEL = re.compile(
    r"[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069]*+(?:[-–—‐][ \t]*+)?"
    r"(?:(?P<name>(?:[\w+@#*\"“„«]|\(\d)[^:：\n]{0,80}+)(?::(?![/\d:])|：)"
    r"|\[(?P<bracketed>[\w+][^\[\]\n]{0,60}+)\][:：]?(?=\s)"
    r"|\((?P<capitals>[\w+][^()\n]{0,60}+)\)[:：]?(?=\s))"
    r"\s*+"
)
_ASIDE = re.compile(r"\s*+\([^()]{0,40}+\)$")
_SENTENCE = re.compile(r"[?!;…<>{}=]")
_QUOTED_OR_PARTED = re.compile(r"[\"“”„«»]|[.,]\s.*[.,]\s")
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
_PARTICLES = frozenset("da de del della den der di do dos du e el la le of ten ter van von y zu".split())
"""The words of a name that are written small."""
_NEARLY_EVERY = 0.9
_QUOTES = "\"'“”„«»‘’(["


class Label(NamedTuple):
    """What may be a label at the start of a line, and how many characters it and the signs around it have.

    `key` is the name as labels are compared. `is_likely` if it is written as a name may be; `is_strong` if it
    looks like nothing else: capitals, several names, or a name and a number. `is_phrase` if it is several
    words of which the last one is written small.
    """

    name: str
    key: str | None
    length: int
    is_likely: bool
    is_strong: bool
    is_phrase: bool


class Line(NamedTuple):
    """A line of a cue, counted from 0: what may be its label, and whether a `>>` or a dash stands before it.

    `is_low` if what stands behind the label begins with a small letter.
    """

    cue: int
    label: Label | None = None
    changes: bool = False
    is_low: bool = False


def label_at(text: str, position: int) -> Label | None:
    """Returns what may be a label at a position."""
    match = _LABEL.match(text, position)
    return match and _label(match[0], match[match.lastgroup or 0], match.lastgroup)


@lru_cache(maxsize=1024)
def _label(written: str, name: str, kind: str | None) -> Label | None:
    name = name.strip()
    words = _ASIDE.sub("", name).split()
    is_likely = bool(words) and _may_be_name(name, words)
    if kind != "name" and not (is_likely and _may_stand_in_brackets(name, kind)):
        return None
    is_strong = is_likely and kind == "name" and _is_strong(words)
    is_phrase = len(words) > 1 and words[-1].lstrip(_QUOTES)[:1].islower()
    return Label(name, speaker_key(name), len(written), is_likely, is_strong, is_phrase)


def _may_stand_in_brackets(name: str, kind: str | None) -> bool:
    return not _STAGE.search(name) and (kind != "capitals" or name.isupper())


def is_name_alone(line: str) -> bool:
    """Returns whether a line of its own may be a name: it is short, and written as names are."""
    words = line.split()
    is_short = len(line) <= 60 and (line[-1].isalnum() or line[-1] == ")")
    return is_short and not any(word[0].islower() for word in words) and _may_be_name(line, words)


def is_full_name(line: str) -> bool:
    """Returns whether a name has several words that begin with capitals and go on otherwise."""
    return not line.isupper() and _is_strong(line.split())


def _may_be_name(name: str, words: list[str]) -> bool:
    if _SENTENCE.search(name) or words[0].casefold().strip(".,") in _PROSE:
        return False
    if len(words) > 5 or _QUOTED_OR_PARTED.search(name):
        return len(words) <= 8 and _is_strong(words)
    return name[0].isupper() or not name[0].islower() or len(words) <= 2


def _is_strong(words: list[str]) -> bool:
    together = "".join(words)
    if together.isupper() and len(together) > 1:
        return True
    first, last = words[0], words[-1]
    return len(words) > 1 and _is_capital(first) and _is_capital(last) and all(map(_is_part, words))


def _is_capital(word: str) -> bool:
    first = word.lstrip(_QUOTES)[:1]
    return first.isupper() or not first.isalpha()


def _is_part(word: str) -> bool:
    return _is_capital(word) or word in _PARTICLES


@dataclass(slots=True)
class _Use:
    """How often a file has what may be a label; how many cues begin with it, and how many lines are low."""

    label: Label
    count: int = 0
    begun: int = 0
    low: int = 0
    changes: bool = False

    @property
    def is_sure(self) -> bool:
        return self.label.is_strong or self.label.key in _KNOWN


def accepted(lines: Sequence[Line]) -> frozenset[str | None]:
    """Returns the keys of the labels that behave like labels.

    `lines` are those of all cues. Labels recur, stand in most cues, follow a `>>`, or are several that look
    like nothing else. Where nearly every cue begins with one, each is a label, whatever it looks like.
    """
    uses = _uses(lines)
    every = _begin_nearly_every_cue(uses, lines)
    if every or _stand_in_most_cues(uses, lines) or _begin_turns(uses, lines):
        capitals = 2 * sum(use.low for use in uses.values()) <= sum(use.count for use in uses.values())
        return frozenset(
            key
            for key, use in uses.items()
            if (use.label.is_likely or use.count > 1 or (every and use.begun))
            and not _is_prose(use, capitals=capitals, every=every and use.begun > 0)
        )
    return _sure(use for use in uses.values() if use.label.is_likely)


def _uses(lines: Sequence[Line]) -> dict[str | None, _Use]:
    uses: dict[str | None, _Use] = {}
    cue = -1
    for line in lines:
        if label := line.label:
            use = uses.get(label.key) or uses.setdefault(label.key, _Use(label))
            use.count += 1
            use.begun += line.cue > cue
            use.low += line.is_low
            use.changes |= line.changes
        cue = line.cue
    return uses


def _begin_nearly_every_cue(uses: Mapping[str | None, _Use], lines: Sequence[Line]) -> bool:
    begun = sum(use.begun for use in uses.values())
    clear = sum(use.begun for use in uses.values() if use.count > 1 or use.is_sure)
    return 2 * clear >= begun > 0 and begun >= _NEARLY_EVERY * len({line.cue for line in lines})


def _stand_in_most_cues(uses: Mapping[str | None, _Use], lines: Sequence[Line]) -> bool:
    counts = [use.count for use in uses.values() if use.label.is_likely]
    recurrences = sum(count for count in counts if count > 1)
    labeled = len({line.cue for line in lines if line.label and line.label.is_likely})
    cues = len({line.cue for line in lines})
    is_one = len(counts) == 1 and labeled == cues
    return labeled > 0.5 * cues and (is_one or 2 * recurrences >= sum(counts))


def _begin_turns(uses: Mapping[str | None, _Use], lines: Sequence[Line]) -> bool:
    """Returns whether the first cue begins with a label, and there are others that recur."""
    first = lines[0].label if lines else None
    if not first or not (first.is_likely or uses[first.key].count > 1):
        return False
    counts = [use.count for use in uses.values() if use.label.is_likely or use.count > 1]
    return 1 < len(counts) < sum(counts) > 2


def _is_prose(use: _Use, *, capitals: bool, every: bool) -> bool:
    """Returns whether a colon stands in what is said, as in `Bottom line: we were slow.`

    Behind it goes on what was begun: with a small letter, where speech begins with `capitals`.
    """
    if use.is_sure or use.changes:
        return False
    if not capitals:
        return use.count == 1 and use.label.is_phrase and not every
    is_written_small = use.label.name[0].islower() and use.count > 1
    is_phrase = use.label.is_phrase and not is_written_small
    return use.low == use.count and (is_phrase or (use.count == 1 and not every))


def _sure(uses: Iterable[_Use]) -> frozenset[str | None]:
    """Returns the labels that are ones even if the rest of the file has few."""
    uses = list(uses)
    recurring = {use.label.key for use in uses if use.count > 1}
    strong = {use.label.key for use in uses if use.is_sure}
    if len(strong) < 2 and not strong & recurring:
        strong.clear()
    changed = {use.label.key for use in uses if use.changes}
    return frozenset(strong | changed | (recurring if len(recurring) > 1 else set()))
