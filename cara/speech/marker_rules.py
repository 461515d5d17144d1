"""What decides whether a phrase is a discourse marker."""

from __future__ import annotations

from dataclasses import dataclass

from cara.speech.word_classes import (
    AUXILIARY,
    BE,
    DETERMINER,
    FINITE,
    MODAL,
    PERSON,
    PREPOSITION,
    THING,
    TO,
    VERB,
    WOULD,
)  # fmt: skip

Slots = tuple[tuple[int, int], ...]
"""Classes of the word before, and of the word after, between which a phrase is a marker."""

INTRUSIONS: Slots = (
    (PERSON | THING, FINITE),
    (TO | MODAL | WOULD | AUXILIARY, VERB | BE),
    (TO | MODAL | WOULD, AUXILIARY),
    (DETERMINER, DETERMINER | PERSON),
    (PREPOSITION, DETERMINER | PERSON),
)
"""Where no ordinary use of most phrases is possible."""


@dataclass(frozen=True, slots=True)
class Marker:
    """When a phrase is a discourse marker. It always is one where punctuation sets it off on both sides.

    Attributes:
        intrudes: slots in which no ordinary use is possible.
        not_after: else it is none after these words, unless a comma comes between.
        doubles: it is one when it is said twice.
        only_after: before a pause it is one; if given, only after these words.
        not_before: else it is none before these words.
        compares: nor at the start of a clause without a verb, or behind a noun and a comma (`Like tea, coffee
            is hot`).
        governs: nor as the only phrase of its row, where a clause without a verb begins (`I mean business`).
        not_behind: nor at the end of a clause with one of these verbs and its object (`took it literally`).
        opens: it is one at the start of a sentence.
        between: slots in which it is one.
        answers: it is none as the whole first sentence of a turn, which is an answer.
        joins: a conjunction before it sets it off as a comma does.
        tags: classes of the word before, behind which it is one at the end of a question that is told
            like a statement (`It's cold right?`).
        points: the words of `not_before` don't matter where a clause follows `and`, `but` or `because`, or
            what is said is announced (`you see the problem is`).
        in_series: it is none as one of a series of directions or nouns.
    """

    between: Slots = ()
    intrudes: Slots = INTRUSIONS
    opens: bool = True
    doubles: bool = True
    answers: bool = False
    joins: bool = True
    in_series: bool = False
    tags: int = 0
    points: bool = False
    compares: bool = False
    governs: bool = False
    not_before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_behind: frozenset[str] = frozenset()
    only_after: frozenset[str] | None = None
