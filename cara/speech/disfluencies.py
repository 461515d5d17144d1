"""Fillers: hesitations, and words where they are no more than discourse markers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterator
from dataclasses import replace

from cara.speech.hesitations import hesitations_among
from cara.speech.marker_phrases import PHRASE_WORDS, is_in_phrase
from cara.speech.marker_rules import Marker, Slots
from cara.speech.markers import MARKERS
from cara.speech.phrases import FoundPhrase
from cara.speech.rows import Row, find_rows
from cara.speech.surroundings import Place
from cara.speech.word_classes import (
    ADVERBIAL,
    CLAUSE,
    CONJUNCTION,
    DETERMINER,
    OPEN,
    classes_after,
    classes_before,
)
from cara.speech.words import BREAK, END, SILENCE, Words, drop_words

_ACRONYMS = frozenset({"ER", "ERM", "MM"})
_ERR = "err"  # a verb, too
_NEIGHBORS = 6


def find_fillers(words: Words) -> tuple[Counter[str], Words]:
    """Finds the fillers of English speech; returns the count of each, and the words that are no fillers.

    um, uh, er, erm, ah and hmm (drawn out or stammered) always count; not acronyms and names in a text with
    small letters (`the ER`, `Ah Chong`), `mm` after a number, the verb `err` where no punctuation sets it
    off, nor the answers `uh-huh` and `mm-hmm`. like, you know, I mean, you see, sort of, kind of, right, so,
    well, okay, yeah and anyway count where they are discourse markers: set off by punctuation on both sides,
    at the start of a sentence, said twice, before a pause mark, or where the words around leave no ordinary
    use (`was like thinking`, `the like the`). They never count as verb, comparison, quantity or quotative (`I
    like tea`, `like this`, `like ten people`, `she was like what`, `I mean business`, `everything you know
    is`), in a series (`left, right, and straight on`), nor as a whole answer (`Okay.`). basically, actually
    and literally count anywhere but in their plain meaning (`what actually happened`, `taken literally`). ok
    is counted as okay, and anyways as anyway.
    A filler more never takes another one away: fillers see through each other to the words around.
    Norm: spontaneous speech has about 6 disfluencies in 100 words, of which fillers are a part; good prepared
    talk stays under 2 in 100. Source: Bortfeld et al. 2001, Language and Speech 44; Clark & Fox Tree 2002,
    Cognition 84; for what markers do, Schiffrin 1987, Discourse Markers.
    Limit: many transcription services leave hesitations out. Without punctuation, many uses of like, right,
    so, well, okay and you see can't be told from ordinary ones (`turn right`); the count is then too low.
    """
    hesitations = _hesitations_by_index(words)
    indexes = [index for index in range(len(words)) if index not in hesitations]
    markers = _find_markers(drop_words(words, hesitations), _without(words, hesitations))
    by_word = Counter(hesitations.values())
    by_word.update(marker.phrase for marker in markers)
    marked = {indexes[index] for marker in markers for index in range(marker.start, marker.end)}
    return by_word, _without(words, marked | hesitations.keys())


def without_hesitations(words: Words, language: str) -> Words:
    """Returns the words without the hesitations of the language, which its other fillers are not known of."""
    sounds = hesitations_among(set(words.lower), language)
    return drop_words(words, {index for index, word in enumerate(words.lower) if word in sounds})


def _hesitations_by_index(words: Words) -> dict[int, str]:
    sounds = hesitations_among(set(words.lower))
    found = (index for index, word in enumerate(words.lower) if word in sounds)
    return {index: sounds[words.lower[index]] for index in found if not _is_other_word(words, index, sounds)}


def _is_other_word(words: Words, index: int, sounds: Container[str]) -> bool:
    """Returns whether a hesitation is a name, a verb, millimeters after a number, or `uh huh`."""
    raw = words.raw[index]
    if words.lower[index] == _ERR:
        return not (_is_apart(words, index, -1, sounds) and _is_apart(words, index, 1, sounds))
    if raw in _ACRONYMS:
        return not _is_in_capitals(words, index) or _names_a_place(words, index)
    if raw == "mm":
        return index > 0 and words.lower[index - 1][-1].isdigit()
    return words.lower[index : index + 2] == ["uh", "huh"] or _is_name(words, index, sounds)


def _is_name(words: Words, index: int, sounds: Container[str]) -> bool:
    """Returns whether it is one in the midst of plain words: `the UM campus`, `in Ah Chong Street`."""
    raw = words.raw[index]
    if raw.islower() or _is_apart(words, index, -1, sounds) or _is_apart(words, index, 1, sounds):
        return False
    following = words.raw[index + 1]
    named = raw.isupper() or (following[0].isupper() and not following.startswith("I"))
    return named and not _is_in_capitals(words, index)


def _is_apart(words: Words, index: int, step: int, sounds: Container[str]) -> bool:
    """Returns whether punctuation or a filler is on one side of the word, the one before for a step of -1."""
    near = index + step
    if not 0 <= near < len(words) or words.after[min(index, near)] & (BREAK | END):
        return True
    word = words.lower[near]
    return word in sounds or (word in PHRASE_WORDS and is_in_phrase(words.lower, near))


def _is_in_capitals(words: Words, index: int) -> bool:
    """Returns whether the words around are in capitals too, which say nothing then."""
    around = words.raw[max(0, index - _NEIGHBORS) : index + _NEIGHBORS + 1]
    return not any(word.islower() for word in around)


def _names_a_place(words: Words, index: int) -> bool:
    """Returns whether a determiner precedes the acronym, and no noun follows: `THE ER IS FULL`."""
    if index == 0 or words.after[index - 1] & (BREAK | END) or index + 1 == len(words):
        return False
    determined = classes_before(words.lower[index - 1], "") & DETERMINER
    return bool(determined) and (
        bool(words.after[index] & END) or not classes_after(words.lower[index + 1]) & OPEN
    )


def _without(words: Words, dropped: Collection[int]) -> Words:
    """Returns the words without those dropped, nor the commas on both sides of these: `I, um, think`.

    A pause behind one of them is no pause of what it stands in: `for the uh... people`.
    """
    after = words.after.copy()
    anchor, previous = -1, -1
    for index in sorted(dropped):
        anchor = anchor if anchor >= 0 and index == previous + 1 else index - 1
        previous = index
        if anchor >= 0 and after[index] & BREAK:
            after[anchor] &= ~BREAK
        after[index] &= ~(BREAK | SILENCE)
    return drop_words(replace(words, after=after), dropped)


def _find_markers(words: Words, joined: Words) -> list[FoundPhrase]:
    """Returns the discourse markers among words without hesitations, in no particular order.

    What stands inside another phrase is a marker, and taken out before the others are looked for.
    """
    rows = find_rows(words, joined)
    inside = [found for row in rows if row.splits_phrase for found in row.phrases]
    if not inside:
        return [found for row in rows for found in _markers_in(row)]
    dropped = {index for found in inside for index in range(found.start, found.end)}
    kept = [index for index in range(len(words)) if index not in dropped]
    rest = find_rows(drop_words(words, dropped), _without(joined, dropped))
    return inside + [
        FoundPhrase(found.phrase, kept[found.start], kept[found.end - 1] + 1)
        for row in rest
        for found in _markers_in(row)
    ]


def _markers_in(row: Row) -> Iterator[FoundPhrase]:
    return (place.found for place in row.places() if _is_marker(MARKERS[place.found.phrase], place, row))


def _is_marker(rule: Marker, place: Place, row: Row) -> bool:
    if rule.answers and row.is_answer and not place.after_so:
        return False
    if _is_set_off(rule, place, row):
        return not (rule.in_series and (row.is_direction or row.is_noun))
    is_noun = rule.in_series and row.before_classes & DETERMINER  # `the right, the left`
    if (row.is_resumed and not is_noun) or _is_between(rule.intrudes, place, row):
        return True
    if row.before in rule.not_after and not place.break_before and not place.said_before:
        return False
    if rule.not_behind and row.ends_object_of(rule.not_behind):
        return False
    if (row.before_classes & rule.tags and row.is_tag) or (rule.points and row.makes_point):
        return True
    if rule.doubles and (place.said_before or place.said_again):
        return True
    if place.silence_after and (rule.only_after is None or row.before in rule.only_after):
        return True
    if row.following_classes & ADVERBIAL:
        return _is_between(rule.between, place, row)
    if row.following in rule.not_before or _lacks_clause(rule, place, row):
        return False
    return (rule.opens and row.opens) or _is_between(rule.between, place, row)


def _is_set_off(rule: Marker, place: Place, row: Row) -> bool:
    if not place.break_after:
        return False
    joined = rule.joins and row.before_classes & CONJUNCTION and row.following
    return bool(row.opens or place.break_before or joined)


def _lacks_clause(rule: Marker, place: Place, row: Row) -> bool:
    """Returns whether the phrase begins what has no verb: `fruit, like apples`, `I mean business`."""
    if not rule.compares and not (rule.governs and len(row.phrases) == 1):
        return False
    after_noun = rule.compares and place.break_before and row.before_classes & OPEN
    return bool(row.opens or after_noun or row.before_classes & CONJUNCTION) and row.is_verbless


def _is_between(slots: Slots, place: Place, row: Row) -> bool:
    before, following = row.before_classes | CLAUSE * place.break_before, row.following_classes
    return any(before & one and following & other for one, other in slots)
