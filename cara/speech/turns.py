"""Tells the turns of a conversation apart, so that only the learner's own words are measured."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from cara.speech.cleaning import TIMESTAMP, TURN, uniform

LEARNER_LABELS = frozenset({"you", "me", "user", "learner", "i", "myself"})
NEVER_THE_LEARNER = frozenset(
    {
        "coach", "interviewer", "ai", "assistant", "cara", "ai coach", "ai assistant", "bot", "model",
        "system", "gemini",
    }
)  # fmt: skip
OTHER_LABELS = NEVER_THE_LEARNER | frozenset(
    {
        "manager", "hiring manager", "recruiter", "host", "moderator", "examiner", "teacher", "tutor", "boss",
        "customer", "client", "colleague", "narrator",
    }
)  # fmt: skip
_KNOWN_LABELS = LEARNER_LABELS | OTHER_LABELS
# Words that open a line with a colon in ordinary prose, and are nobody's name.
_NO_LABELS = frozenset(
    "first second third fourth fifth finally last next then now so but and note notes example problem "
    "solution result results question answer reason remember fact title subject topic agenda summary "
    "conclusion yes no well step point goal today http https date time re url link email phone ps pros "
    "cons plan option tip warning update status risk risks decision deadline budget cost price total "
    "action actions background".split()
)

_NUMBERED = re.compile(r"(?:speaker|person|participant|voice) ?[#\w]{1,3}")
_LABEL = re.compile(
    rf"""
    ^[ \t>*•\[{TIMESTAMP}-]*+                   # a list, bold, brackets
    (?P<voice><v(?:\.[\w.-]{{1,60}}+)?[ ])?+    # the tag of a subtitle
    (?P<label>
        [^\W\d_][\w.'-]{{0,30}}+
        (?:[ ](?!\d{{1,2}}:\d)[\w.'\#-]{{1,30}}+){{0,2}}+
    )
    (?(voice)>|(?:
        [ \t*\]{TIMESTAMP}]*+[:：](?!//)\*{{0,2}}
        |[ \t]++(?:{TIMESTAMP}|\d{{1,2}}:\d{{2}})[ \t]*+$
    ))
    """,
    re.MULTILINE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Turns:
    """The learner's own text (its turns joined by the turn character), the others', and notes on both.

    `own_ranges` are the places of the learner's turns in the text, without their labels.
    """

    own: str
    others: str
    own_ranges: tuple[tuple[int, int], ...]
    labelled: bool
    notes: tuple[str, ...]

    @property
    def own_turns(self) -> int:
        """How many turns of the learner's have anything in them."""
        return sum(1 for turn in self.own.split(TURN) if turn.strip())


class _Label(NamedTuple):
    """A label in the text; `known` says that it can be nothing else."""

    name: str
    start: int
    end: int
    known: bool


def turns(text: str, learner_label: str | None = None) -> Turns:
    """Splits a uniform transcript into the learner's turns and everybody else's.

    A label stands at the start of a line and ends in a colon, or is followed by a timestamp alone, or is
    the voice of a subtitle, `<v Ann>`. The learner is `learner_label` when the transcript has it, else You,
    Me, User, Learner, I or Myself, else (as with `Speaker 1:` and `Speaker 2:`) the first speaker who isn't
    a coach, an interviewer or a machine; those never are the learner, whatever `learner_label` says.
    Unknown names count as labels when they begin with capitals, in a transcript that is a dialogue by its
    other labels, or that begins with a name, has two of them and one of them twice. Text before the first
    label is nobody's. Without labels all is the learner's.
    """
    wanted = _folded(learner_label or "")
    found = [label for match in _LABEL.finditer(text) if (label := _label(match, wanted))]
    if not _is_dialogue(text, found, wanted):
        notes = ("No turns are labelled: the whole transcript is taken as the learner's.",) if wanted else ()
        return Turns(text, "", ((0, len(text)),), False, notes)
    learners, note = _learners(found, wanted)
    return _split(text, found, learners, note)


def own_passages(transcript: str) -> list[tuple[int, int]]:
    """Where the learner's turns stand in a transcript as it came, in characters, without their labels."""
    placed = uniform(transcript)
    ranges = turns(placed.text).own_ranges
    return [placed.span(start, end) for start, end in ranges if start < end]


def _folded(label: str) -> str:
    return " ".join(label.casefold().strip(" *:.").split())


def _label(match: re.Match[str], wanted: str) -> _Label | None:
    shown = match["label"]
    name = _folded(shown)
    known = bool(match["voice"]) or name in _KNOWN_LABELS or bool(_NUMBERED.fullmatch(name))
    if known or name == wanted or _may_be_a_name(shown):
        return _Label(name, match.start(), match.end(), known)
    return None


def _may_be_a_name(shown: str) -> bool:
    first, *others = shown.split()
    begins_large = first[0].isupper() and all(not word[0].islower() for word in others)
    return begins_large and first.casefold().strip(".") not in _NO_LABELS


def _is_dialogue(text: str, found: list[_Label], wanted: str) -> bool:
    counts = Counter(label.name for label in found)
    if not found or counts.keys() & LEARNER_LABELS or wanted in counts:
        return bool(found)
    if text[: found[0].start].strip(f" \t\n{TIMESTAMP}"):
        return False
    return found[0].known or (len(counts) > 1 and max(counts.values()) > 1)


def _learners(found: list[_Label], wanted: str) -> tuple[frozenset[str], tuple[str, ...]]:
    names = list(dict.fromkeys(label.name for label in found))
    if wanted in names and wanted not in NEVER_THE_LEARNER:
        return frozenset({wanted}), ()
    named = LEARNER_LABELS.intersection(names)
    if named:
        return frozenset(named), ()
    possible = [name for name in names if name not in OTHER_LABELS] or [
        name for name in names if name not in NEVER_THE_LEARNER
    ]
    if not possible:
        return frozenset(), (
            "Only other speakers' turns are in the transcript: there is nothing to measure.",
        )
    note = f"No label says who the learner is: the turns of “{possible[0][:40]}” were taken."
    return frozenset({possible[0]}), (note,)


def _split(text: str, found: list[_Label], learners: frozenset[str], notes: tuple[str, ...]) -> Turns:
    own: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    ends = [label.start for label in found[1:]] + [len(text)]
    for label, end in zip(found, ends, strict=True):
        (own if label.name in learners else others).append((label.end, end))
    own_text = f"\n{TURN}\n".join(text[start:end] for start, end in own)
    others_text = "\n".join(text[start:end] for start, end in others)
    return Turns(own_text, others_text, tuple(own), True, notes)
