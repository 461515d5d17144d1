"""The learner's sentences in a transcript, verbatim, and how to quote from them."""

from __future__ import annotations

import re
from collections import Counter

LABEL = re.compile(
    r"""
    ^[ \t>*•\[-]*                                  # a list, bold, brackets
    (?:\(?\d{1,2}:\d\d(?::\d\d)?[\])]?[ \t]*)?     # a timestamp
    (?P<voice><v(?:\.[\w.-]+)?[ ])?                # the voice tag of WebVTT
    (?P<name>[^\W\d_][\w .'’#-]{0,30}?)
    (?(voice)>|[ \t*\]]*(?:\(\d{1,2}:\d\d(?::\d\d)?\))?[ \t]*:(?!//)\**[ \t]*)
    """,
    re.MULTILINE | re.VERBOSE,
)
LEARNERS = frozenset({"you", "me", "user", "learner", "i", "myself"})
OTHERS = frozenset(
    "coach interviewer ai assistant cara bot model system gemini manager recruiter host moderator".split()
)
NUMBERED = re.compile(r"(?:speaker|person|participant|voice) ?\w{1,3}")
SENTENCE = re.compile(
    r"""
    \S[^\n]*?
    (?:
        (?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bNo)(?<!\b[A-Z])
        [.!?…]+["”’)]*(?=\s+[^\sa-z]|\s*$)
        |$
    )
    """,
    re.MULTILINE | re.VERBOSE,
)
STAGE_MARKS = re.compile(r"^(?:\[[^\]\n]{0,60}\]|\([^)\n]{0,60}\)|[\d:.,]{4,12}(?!\S)|[-–—•>*\s])+")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def learner_text(transcript: str) -> str:
    """Returns the turns with the learner's label, or else those of the first possible learner.

    If there are none, it is the whole text.
    """
    labels = [label for label in LABEL.finditer(transcript) if _is_name(label["name"])]
    learners = _learners(transcript, labels)
    if not learners:
        return transcript
    ends = [label.start() for label in labels[1:]] + [len(transcript)]
    turns = [
        transcript[label.end() : end].strip()
        for label, end in zip(labels, ends, strict=True)
        if label["name"].lower() in learners
    ]
    return "\n".join(turns)


def split_sentences(text: str) -> list[str]:
    """Returns the sentences as they stand in the text, those of a single word only if there are no others."""
    spans = [STAGE_MARKS.sub("", match.group()).strip() for match in SENTENCE.finditer(text)]
    spans = [span.removesuffix("</v>") for span in spans if span and "-->" not in span]
    return [span for span in spans if count_words(span) > 1] or [span for span in spans if span]


def count_words(text: str) -> int:
    """Returns the number of words in the text."""
    return len(WORD.findall(text))


def unique(phrases: list[str]) -> list[str]:
    """Returns the phrases that differ by more than capitals, as they are first spelled."""
    return list({phrase.lower(): phrase for phrase in reversed(phrases)}.values())[::-1]


def listing(phrases: list[str] | tuple[str, ...]) -> str:
    """Returns the phrases in quotation marks, the last after `and`."""
    *others, last = [f"“{phrase}”" for phrase in phrases]
    return f"{', '.join(others)} and {last}" if others else last


def shorten(text: str, characters: int) -> str:
    """Returns the text on one line, cut after a word."""
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else flat[:characters].rsplit(" ", 1)[0] + " …"


def _is_name(name: str) -> bool:
    return name[0].isupper() or name.lower() in LEARNERS | OTHERS


def _learners(transcript: str, labels: list[re.Match[str]]) -> frozenset[str]:
    names = Counter(label["name"].lower() for label in labels)
    if named := LEARNERS & names.keys():
        return named
    if not labels or (transcript[: labels[0].start()].strip() and not labels[0]["voice"]):
        return frozenset()
    first = labels[0]["name"].lower()
    known = labels[0]["voice"] or first in OTHERS or NUMBERED.fullmatch(first)
    if known or (len(names) > 1 and max(names.values()) > 1):
        return frozenset([name for name in names if name not in OTHERS][:1])
    return frozenset()
