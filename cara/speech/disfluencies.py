"""Fillers: hesitations, and words where they are no more than discourse markers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from cara.speech.hesitations import hesitations_among
from cara.speech.phrases import FoundPhrase, PhraseList
from cara.speech.words import BREAK, END, SILENCE, Words, drop_words

_BEFORE_KIND_OF = frozenset(
    "a an the this that these those what which some any every each all one another no same other different "
    "new my your his her its our their certain right best only first two three many few".split()
)
_BEFORE_VERB_LIKE = frozenset(
    "i you we they he she it people to would do don't did didn't that's might may can".split()
)
_BEFORE_LIKENESS = frozenset(
    "look looks looked feel feels felt sound sounds seem seems something things more just".split()
)
_CONJUNCTIONS = frozenset("and but or because then yeah yes no ok okay oh".split())
_AFTER_LIKENESS = frozenset(
    "this that these those i you we they he she it a an the my your his her our their me us him them many "
    "most all any other in".split()
)


@dataclass(frozen=True, slots=True)
class _Marker:
    """When a phrase is a discourse marker, besides being set off by punctuation on both sides.

    `opens`: at the start of a sentence, unless a word of `not_before` follows. `doubles`: when it is said
    twice. Before a pause: after any word, or only after those of `only_after`. After a word of `not_after` it
    is none, unless a comma comes between.
    """

    opens: bool = True
    doubles: bool = True
    not_before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    only_after: frozenset[str] | None = None


_BEFORE_VERB = frozenset(
    "do did does don't didn't if as that what how when would let should can must to".split()
)
_MARKERS = {
    "like": _Marker(not_before=_AFTER_LIKENESS, not_after=_BEFORE_VERB_LIKE | _BEFORE_LIKENESS),
    "you know": _Marker(
        not_before=frozenset(
            "that what how who why when where if the it this him her them me my your".split()
        ),
        not_after=_BEFORE_VERB,
    ),
    "i mean": _Marker(
        not_before=frozenset("it this that to".split()), not_after=_BEFORE_VERB | {"things", "which"}
    ),
    "sort of": _Marker(not_after=_BEFORE_KIND_OF),
    "kind of": _Marker(not_after=_BEFORE_KIND_OF),
    "basically": _Marker(),
    "actually": _Marker(),
    "literally": _Marker(),
    "right": _Marker(opens=False, doubles=False, only_after=_CONJUNCTIONS),
    "so": _Marker(
        doubles=False,  # `so, so good` is emphasis
        not_before=frozenset(
            "that far much many long did do does be is was were are am can will would have had".split()
        ),
        only_after=_CONJUNCTIONS,
    ),
    "well": _Marker(
        not_before=frozenset(
            "done said known over before after into enough made planned prepared behaved".split()
        ),
        only_after=_CONJUNCTIONS,
    ),
}
_MARKER_PHRASES = PhraseList(_MARKERS)


def find_fillers(words: Words) -> tuple[Counter[str], Words]:
    """Finds the fillers of English speech; returns the count of each, and the words that are no fillers.

    um, uh, er, erm, ah and hmm (drawn out or not) always count, except in capitals (`the ER`) and for `mm`
    after a number. like, you know, I mean, sort of, kind of, basically, actually, literally, right, so and
    well count only as discourse markers: set off by punctuation on both sides, at the start of a sentence,
    said twice, or before a pause mark. They never count as verb, comparison or quantity (`I like tea`, `like
    this`, `the right answer`, `so that`). Hesitations don't change whether another word is a filler.
    Norm: spontaneous speech has about 6 disfluencies in 100 words, of which fillers are a part; good prepared
    talk stays under 2 in 100. Source: Bortfeld et al. 2001, Language and Speech 44; Clark & Fox Tree 2002,
    Cognition 84.
    Limit: many transcription services leave hesitations out, and without punctuation few discourse markers
    are recognized; the count is then too low.
    """
    hesitations = _hesitations_by_index(words)
    spoken = drop_words(words, hesitations)
    indexes = [index for index in range(len(words)) if index not in hesitations]
    markers = _discourse_markers(spoken)
    by_word = Counter(hesitations.values())
    by_word.update(marker.phrase for marker in markers)
    marked = {indexes[index] for marker in markers for index in range(marker.start, marker.end)}
    return by_word, drop_words(words, marked | hesitations.keys())


def without_hesitations(words: Words, language: str) -> Words:
    """Returns the words without the hesitations of the language, which its other fillers are not known of."""
    sounds = hesitations_among(set(words.lower), language)
    return drop_words(words, {index for index, word in enumerate(words.lower) if word in sounds})


def _hesitations_by_index(words: Words) -> dict[int, str]:
    sounds = hesitations_among(set(words.lower))
    found = (index for index, word in enumerate(words.lower) if word in sounds)
    return {index: sounds[words.lower[index]] for index in found if not _is_other_word(words, index)}


def _is_other_word(words: Words, index: int) -> bool:
    """Returns whether the letters of a hesitation are an acronym, or millimeters after a number."""
    raw = words.raw[index]
    if raw in ("ER", "ERM", "MM"):
        return True
    return raw == "mm" and index > 0 and words.lower[index - 1][-1].isdigit()


def _discourse_markers(words: Words) -> list[FoundPhrase]:
    """Returns the markers from left to right.

    An `opening` one follows on nothing but markers in its sentence.
    """
    found: list[FoundPhrase] = []
    opening_until = 0
    candidates = list(_MARKER_PHRASES.find(words))
    repeated = [_is_repeated(words, *pair) for pair in pairwise(candidates)]
    for candidate, *said_twice in zip(candidates, [False, *repeated], [*repeated, False], strict=False):
        start = candidate.start
        opening = start == 0 or bool(words.after[start - 1] & END) or opening_until == start
        if _is_marker(words, candidate, opening, any(said_twice)):
            found.append(candidate)
            opening_until = candidate.end if opening else opening_until
    return found


def _is_repeated(words: Words, one: FoundPhrase, other: FoundPhrase) -> bool:
    """Returns whether a phrase is said twice in a row in one sentence (unlike `it went well. Well done`)."""
    adjacent = one.phrase == other.phrase and one.end == other.start
    return adjacent and not words.sentence_ends(one.end - 1, one.end)


def _is_marker(words: Words, candidate: FoundPhrase, opening: bool, said_twice: bool) -> bool:
    rule = _MARKERS[candidate.phrase]
    before = words.lower[candidate.start - 1] if not opening else ""
    following = words.lower[candidate.end] if candidate.end < len(words) else ""
    after = words.after[candidate.end - 1]
    set_off_before = opening or bool(words.after[candidate.start - 1] & BREAK)
    if set_off_before and after & (BREAK | END):
        return True
    if not set_off_before and before in rule.not_after:
        return False
    if said_twice and rule.doubles:
        return True
    if opening and rule.opens:
        return following not in rule.not_before
    return bool(after & SILENCE) and (rule.only_after is None or before in rule.only_after)
