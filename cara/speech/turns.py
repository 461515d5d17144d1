"""Splits a conversation into turns, so that only the learner's own words are measured."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from cara.speech.text import TURN, normalize

TIMESTAMP = "\x1d"
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
# Words that begin a line and have a colon in ordinary prose: they name no speaker.
_NOT_A_NAME = frozenset(
    "first second third fourth fifth finally last next then now so but and note notes example problem "
    "solution result results question answer reason remember fact title subject topic agenda summary "
    "conclusion yes no well step point goal today http https date time re url link email phone ps pros "
    "cons plan option tip warning update status risk risks decision deadline budget cost price total "
    "action actions background".split()
)

_NUMBERED = re.compile(r"(?:speaker|person|participant|voice) ?[#\w]{1,3}")
_LABEL = re.compile(
    rf"""
    ^[ \t>*•\[{TIMESTAMP}-]*+                   # list marks, bold, brackets
    (?P<voice><v(?:\.[\w.-]{{1,60}}+)?[ ])?+    # the voice tag of a subtitle
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
    """The learner's turns joined by the `TURN` sentinel, everybody else's turns, and notes for the learner.

    `own_ranges` are the ranges of the learner's turns in the text, without their labels.
    """

    own: str
    others: str
    own_ranges: tuple[tuple[int, int], ...]
    labeled: bool
    notes: tuple[str, ...]

    @property
    def own_turns(self) -> int:
        """The number of the learner's turns that are not blank."""
        return sum(1 for turn in self.own.split(TURN) if turn.strip())


class _Label(NamedTuple):
    """A speaker label; `known` means that it is one in every transcript, not only in a dialogue."""

    name: str
    start: int
    end: int
    known: bool


def split_turns(text: str, learner_label: str | None = None) -> Turns:
    """Splits a normalized transcript into the learner's turns and everybody else's.

    A label begins a line and ends in a colon, or is followed by a timestamp alone, or is the voice of a
    subtitle (`<v Ann>`). The learner is `learner_label` when the transcript has it, else You, Me, User,
    Learner, I or Myself, else (as with `Speaker 1:` and `Speaker 2:`) the first speaker who isn't a coach, an
    interviewer or a machine; those are never the learner, even when `learner_label` names them.
    Capitalized unknown names are labels only in a dialogue: the transcript has a label of the learner, or it
    begins with a known label, or it begins with a name and has two names, one of them twice. Text before the
    first label belongs to nobody. In a transcript without labels all text is the learner's.
    """
    learner_name = _normalized_name(learner_label or "")
    labels = [label for match in _LABEL.finditer(text) if (label := _label(match, learner_name))]
    if not _is_dialogue(text, labels, learner_name):
        notes = (
            ("No turns are labelled: the whole transcript is taken as the learner's.",)
            if learner_name
            else ()
        )
        return Turns(text, "", ((0, len(text)),), False, notes)
    learners, note = _learners(labels, learner_name)
    return _split(text, labels, learners, note)


def own_passages(transcript: str) -> list[tuple[int, int]]:
    """Returns the ranges of the learner's turns in the unchanged transcript, without their labels."""
    mapped = normalize(transcript)
    ranges = split_turns(mapped.text).own_ranges
    return [mapped.span(start, end) for start, end in ranges if start < end]


def _normalized_name(label: str) -> str:
    return " ".join(label.casefold().strip(" *:.").split())


def _label(match: re.Match[str], learner_name: str) -> _Label | None:
    written = match["label"]
    name = _normalized_name(written)
    known = bool(match["voice"]) or name in _KNOWN_LABELS or bool(_NUMBERED.fullmatch(name))
    if known or name == learner_name or _may_be_a_name(written):
        return _Label(name, match.start(), match.end(), known)
    return None


def _may_be_a_name(written: str) -> bool:
    first, *others = written.split()
    capitalized = first[0].isupper() and all(not word[0].islower() for word in others)
    return capitalized and first.casefold().strip(".") not in _NOT_A_NAME


def _is_dialogue(text: str, labels: list[_Label], learner_name: str) -> bool:
    counts = Counter(label.name for label in labels)
    if not labels or counts.keys() & LEARNER_LABELS or learner_name in counts:
        return bool(labels)
    if text[: labels[0].start].strip(f" \t\n{TIMESTAMP}"):
        return False
    return labels[0].known or (len(counts) > 1 and max(counts.values()) > 1)


def _learners(labels: list[_Label], learner_name: str) -> tuple[frozenset[str], tuple[str, ...]]:
    names = list(dict.fromkeys(label.name for label in labels))
    if learner_name in names and learner_name not in NEVER_THE_LEARNER:
        return frozenset({learner_name}), ()
    named = LEARNER_LABELS.intersection(names)
    if named:
        return frozenset(named), ()
    candidates = [name for name in names if name not in OTHER_LABELS] or [
        name for name in names if name not in NEVER_THE_LEARNER
    ]
    if not candidates:
        return frozenset(), (
            "Only other speakers' turns are in the transcript: there is nothing to measure.",
        )
    note = f"No label says who the learner is: the turns of “{candidates[0][:40]}” were taken."
    return frozenset({candidates[0]}), (note,)


def _split(text: str, labels: list[_Label], learners: frozenset[str], notes: tuple[str, ...]) -> Turns:
    own: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    ends = [label.start for label in labels[1:]] + [len(text)]
    for label, end in zip(labels, ends, strict=True):
        (own if label.name in learners else others).append((label.end, end))
    own_text = f"\n{TURN}\n".join(text[start:end] for start, end in own)
    others_text = "\n".join(text[start:end] for start, end in others)
    return Turns(own_text, others_text, tuple(own), True, notes)
