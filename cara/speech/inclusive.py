"""Notes on inclusive language: phrases that may exclude people, with what could be said instead."""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from cara.speech.phrases import PhraseList
from cara.speech.schemas import InclusiveNote
from cara.speech.words import Words

MAX_INCLUSIVE_NOTES = 20


class _Advice(NamedTuple):
    suggestions: list[str]
    note: str


def inclusive_notes(words: Words) -> list[InclusiveNote]:
    """Returns the phrases of `inclusive.toml` in the words, each with its count, suggestions and the reason.

    The most frequent ones first, at most 20, as they were said, in lower case. They are suggestions, and
    enter no score.
    Norm: none. Source: the word lists that `inclusive.toml` names.
    Limit: a list knows no context. What is quoted, meant literally, or chosen by the people of whom it is
    said, is listed too.
    """
    counts = Counter(found.phrase for found in _phrases().find(words))
    return [
        InclusiveNote(phrase=phrase, count=count, **_advice()[phrase]._asdict())
        for phrase, count in counts.most_common(MAX_INCLUSIVE_NOTES)
    ]


@cache
def _advice() -> dict[str, _Advice]:
    """Returns the suggestions for each phrase, and the reason; the keys of the file list forms of one."""
    listed = tomllib.loads(files("cara.speech").joinpath("inclusive.toml").read_text(encoding="utf-8"))
    return {
        phrase: _Advice(suggestions, group["note"])
        for group in listed["groups"]
        for phrases, suggestions in group["phrases"].items()
        for phrase in phrases.split(", ")
    }


@cache
def _phrases() -> PhraseList:
    return PhraseList(_advice())
