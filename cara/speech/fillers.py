"""Filler words, told apart from the same words in honest work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from cara.speech.hesitations import hesitations_among
from cara.speech.phrases import Found, PhraseList, per_hundred
from cara.speech.schemas import Fillers
from cara.speech.words import BREAK, END, SILENCE, Words, without

_NOUN_BEFORE = frozenset(
    "a an the this that these those what which some any every each all one another no same other different "
    "new my your his her its our their certain right best only first two three many few".split()
)
_SUBJECTS = frozenset(
    "i you we they he she it people to would do don't did didn't that's might may can".split()
)
_SEEMING = frozenset(
    "look looks looked feel feels felt sound sounds seem seems something things more just".split()
)
_JOINING = frozenset("and but or because then yeah yes no ok okay oh".split())
_COMPARED = frozenset(
    "this that these those i you we they he she it a an the my your his her our their me us him them many "
    "most all any other in".split()
)


@dataclass(frozen=True, slots=True)
class _Marker:
    """When a phrase is a discourse marker beyond being set off on both sides.

    `opens`: at a sentence's start, unless one of `not_before` follows. `doubles`: when said twice. Before a
    pause: after any word but those of `not_after`, or only after those of `only_after`. Where it isn't set
    off by a comma before it, `not_after` always excludes it.
    """

    opens: bool = True
    doubles: bool = True
    not_before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    only_after: frozenset[str] | None = None


_KNOWING = frozenset("do did does don't didn't if as that what how when would let should can must to".split())
_MARKERS = {
    "like": _Marker(not_before=_COMPARED, not_after=_SUBJECTS | _SEEMING),
    "you know": _Marker(
        not_before=frozenset(
            "that what how who why when where if the it this him her them me my your".split()
        ),
        not_after=_KNOWING,
    ),
    "i mean": _Marker(
        not_before=frozenset("it this that to".split()), not_after=_KNOWING | {"things", "which"}
    ),
    "sort of": _Marker(not_after=_NOUN_BEFORE),
    "kind of": _Marker(not_after=_NOUN_BEFORE),
    "basically": _Marker(),
    "actually": _Marker(),
    "literally": _Marker(),
    "right": _Marker(opens=False, doubles=False, only_after=_JOINING),
    "so": _Marker(
        doubles=False,  # `so, so good` is emphasis
        not_before=frozenset(
            "that far much many long did do does be is was were are am can will would have had".split()
        ),
        only_after=_JOINING,
    ),
    "well": _Marker(
        not_before=frozenset(
            "done said known over before after into enough made planned prepared behaved".split()
        ),
        only_after=_JOINING,
    ),
}
_MARKER_PHRASES = PhraseList(_MARKERS)


@dataclass(frozen=True, slots=True)
class FillerWords:
    """The fillers counted by word, and the words without them."""

    by_word: Counter[str]
    fluent: Words


def find_fillers(words: Words) -> FillerWords:
    """Finds the fillers of English talk.

    um, uh, er, erm, ah and hmm (drawn out or not) always count, but for capitals (`the ER`) and for `mm`
    after a figure. like, you know, I mean, sort of, kind of, basically, actually, literally, right, so and
    well count only as discourse markers: set off by punctuation on both sides, at a sentence's start, said
    twice, or before a pause mark; never as verb, comparison or quantity (`I like tea`, `like this`,
    `the right answer`, `so that`). Hesitations are looked through: they never change whether another word is
    a filler. A transcript without punctuation shows few discourse markers: the count is then too low.
    """
    sounds = _hesitation_places(words)
    fluent = without(words, sounds)
    places = [place for place in range(len(words)) if place not in sounds]
    markers = _discourse_markers(fluent)
    counts = Counter(sounds.values())
    counts.update(marker.phrase for marker in markers)
    marked = {places[at] for marker in markers for at in range(marker.start, marker.end)}
    return FillerWords(counts, without(words, marked | sounds.keys()))


def fillers(found: FillerWords, all_words: int, seconds: int | None) -> Fillers:
    """Counts fillers: in all, per 100 words, per minute (when the time is known) and by word.

    Norm: spontaneous speech has about 6 disfluencies in 100 words, of which fillers are a part; good prepared
    talk stays under 2 in 100. Source: Bortfeld et al. 2001, Language and Speech 44; Clark & Fox Tree 2002,
    Cognition 84. Many transcription services leave hesitations out: what isn't written can't be counted.
    """
    count = found.by_word.total()
    return Fillers(
        count=count,
        per_hundred_words=per_hundred(count, all_words),
        per_minute=round(60 * count / seconds, 2) if seconds else None,
        by_word=dict(found.by_word.most_common()),
    )


def _hesitation_places(words: Words) -> dict[int, str]:
    sounds = hesitations_among(set(words.small))
    if not sounds:
        return {}
    return {
        place: sounds[word]
        for place, word in enumerate(words.small)
        if word in sounds and not _is_other_word(words, place)
    }


def _is_other_word(words: Words, place: int) -> bool:
    """Letters that are an acronym, or millimetres."""
    raw = words.raw[place]
    if raw in ("ER", "ERM", "MM"):
        return True
    return raw == "mm" and place > 0 and words.small[place - 1][-1].isdigit()


def _discourse_markers(words: Words) -> list[Found]:
    """From left to right; `fresh` says that since the sentence's start nothing but fillers was said."""
    found: list[Found] = []
    fresh_until = 0
    candidates = list(_MARKER_PHRASES.found_in(words))
    again = [_comes_again(words, *pair) for pair in pairwise(candidates)]
    for candidate, *said_twice in zip(candidates, [False, *again], [*again, False], strict=False):
        start = candidate.start
        fresh = start == 0 or bool(words.after[start - 1] & END) or fresh_until == start
        if _is_marker(words, candidate, fresh, any(said_twice)):
            found.append(candidate)
            fresh_until = candidate.end if fresh else fresh_until
    return found


def _comes_again(words: Words, one: Found, other: Found) -> bool:
    """Whether a phrase is at once said again in the same sentence, unlike in `it went well. Well done`."""
    return (
        one.phrase == other.phrase
        and one.end == other.start
        and not words.sentence_ends(one.end - 1, one.end)
    )


def _is_marker(words: Words, candidate: Found, fresh: bool, said_twice: bool) -> bool:
    rule = _MARKERS[candidate.phrase]
    before = words.small[candidate.start - 1] if not fresh else ""
    following = words.small[candidate.end] if candidate.end < len(words) else ""
    after = words.after[candidate.end - 1]
    set_off_before = fresh or bool(words.after[candidate.start - 1] & BREAK)
    if set_off_before and after & (BREAK | END):
        return True
    if not set_off_before and before in rule.not_after:
        return False
    if said_twice and rule.doubles:
        return True
    if fresh and rule.opens:
        return following not in rule.not_before
    return bool(after & SILENCE) and (rule.only_after is None or before in rule.only_after)
