"""Which part of a transcript is the learner's."""

from __future__ import annotations

import re
from collections import Counter

LABEL = re.compile(
    r"""
    ^[ \t>*•\[-]*                                  # a list, bold, brackets
    (?:\(?\d{1,2}:\d\d(?::\d\d)?[\])]?[ \t]*)?     # a timestamp
    (?P<voice><v(?:\.[\w.-]+)?[ ])?                # the tag of a subtitle
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


def learner_part(transcript: str) -> str:
    """The turns with the learner's label, or the first speaker's who is none of the others, or all."""
    labels = [label for label in LABEL.finditer(transcript) if _may_be_a_name(label["name"])]
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


def _may_be_a_name(name: str) -> bool:
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
