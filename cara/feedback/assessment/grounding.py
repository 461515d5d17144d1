"""Grounding: finds the quotes of highlights in what the learner said, and when they were said.

A quote is compared by its letters and digits alone, in whole words: whatever case, quotation marks, dashes,
ellipses, hyphens, emphasis or line ends the model wrote, the words are the same.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from cara.speech.text import normalize
from cara.speech.word_patterns import COMBINING
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.stage_marks import blank_stage_marks
from cara.transcripts.talk import Talk
from cara.transcripts.timed_words import PlacedWord, placed_words
from cara.transcripts.utterances import Utterance, is_time

# Scripts in which nothing stands between the words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    r"\u3005\u3040-\u30ff\u31f0-\u31ff"  # kana
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_WORD = re.compile(
    rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w{COMBINING}])+(?:'(?:(?![{_UNSPACED}])[\w{COMBINING}])+)*"
)
_CLOSING = re.compile(r"""[.,;:!?…'"”’»)\]。、，！？]*""")
_OPENING_MARKS, _APOSTROPHE = frozenset("\"'“„«‘(¿¡"), "'"
_IGNORED = frozenset({_APOSTROPHE, "\u0307"})
"""Not compared: apostrophes, and the dot that the lower case of a Turkish capital has."""

_TURN = "\n"

MAX_QUOTE_CHARACTERS = 400
_MAX_PARTS, _MIN_PART_CHARACTERS = 12, 20
"""Sentences of a word or two, such as `Yes.`, stand in many transcripts that do not have the quote."""

_SENTENCE_END = re.compile(r"""(?<=[.!?…])["'”’)\]]*\s+|(?<=[。！？])|\n+""")
_ELLIPSIS = re.compile(r"[\[(]?(?:…|\.{3,})[\])]?")
_MIN_WORDS_BESIDE_ELLIPSIS = 4


@dataclass(frozen=True)
class Passage:
    """Where a quote stands: what was said there, at [start, end) in characters of the transcript as sent."""

    text: str
    start: int
    end: int


class SpokenText:
    """What the learner says in a talk, in which quotes are looked up; it is folded once for all of them."""

    def __init__(self, talk: Talk) -> None:
        self._turns = [turn.text for turn in talk.own]
        self._folded = _Folded()
        for number, turn in enumerate(self._turns):
            self._folded.add_turn(number, turn.text)

    def find_sentence(self, quote: str) -> Passage | None:
        """Returns the passage of the quote, or of a part of it if it has more than `MAX_QUOTE_CHARACTERS`.

        Tries its longest beginning of whole sentences first, then its first sentences one by one, then as
        many words as fit. None when none of them stands in the learner's turns.
        """
        return next((place for part in _parts(quote.strip()) if (place := self.find(part))), None)

    def find(self, quote: str) -> Passage | None:
        """Returns the first passage in one of the learner's turns that has the words of the quote.

        A model that leaves words out marks them by an ellipsis: then the longest part that stands in the
        text is the passage, if it has at least four words. None when there is no such passage. Scripts
        without spaces have no word boundaries to respect.
        """
        if passage := self._find(quote):
            return passage
        parts = [part for part in _ELLIPSIS.split(html.unescape(quote)) if part.strip()]
        if len(parts) < 2:
            return None
        long = [part for part in parts if len(_WORD.findall(part)) >= _MIN_WORDS_BESIDE_ELLIPSIS]
        return next(
            (place for part in sorted(long, key=len, reverse=True) if (place := self._find(part))), None
        )

    def _find(self, quote: str) -> Passage | None:
        said = html.unescape(quote).strip()
        wanted = _Folded()
        wanted.add_turn(0, said)
        if not wanted.letters or (at := self._folded.find("".join(wanted.letters))) is None:
            return None
        turn, start, end = at
        return _passage(self._turns[turn], start, end, said)


class PassageTimes:
    """When passages of a talk were said, by the times of utterances, and of words where they have some."""

    def __init__(self, talk: Talk) -> None:
        own = (utterance for turn in talk.own for utterance in turn.utterances)
        known = () if talk.transcript.times_begin_anew else own
        self._utterances = sorted(known, key=lambda utterance: utterance.text.offsets[0])
        self._begins = [utterance.text.offsets[0] for utterance in self._utterances]

    def find(self, start: int, end: int) -> tuple[float | None, float | None]:
        """Returns when the learner says the characters [start, end) of the transcript as it was sent.

        The times are those of the first word and the last one; without times of words the start of the first
        utterance in which they stand, and the end of the last one. None for what the transcript doesn't tell.
        """
        first, last = bisect_right(self._begins, start) - 1, bisect_left(self._begins, end) - 1
        if first < 0:
            return None, None
        begin = _start_at(self._utterances[first], start)
        finish = _end_at(self._utterances[last], end)
        return (begin, finish) if begin is None or finish is None or begin <= finish else (None, None)


def _start_at(utterance: Utterance, offset: int) -> float | None:
    place = bisect_left(utterance.text.offsets, offset)
    starts = (word.start for word in _timed(utterance) if word.last > place)
    return next(starts, utterance.start if is_time(utterance.start) else None)


def _end_at(utterance: Utterance, offset: int) -> float | None:
    place = bisect_left(utterance.text.offsets, offset)
    ends = (word.end for word in reversed(_timed(utterance)) if word.first < place)
    return next(ends, utterance.end if is_time(utterance.end) else None)


def _timed(utterance: Utterance) -> list[PlacedWord]:
    return placed_words(utterance).words if utterance.words else []


class _Folded:
    """Letters and digits of turns, folded, with the place of each in its turn and the boundaries of words."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self._places: list[tuple[int, int, int]] = []
        self._starts = bytearray()
        self._ends = bytearray(1)
        self._joined = ""

    def add_turn(self, number: int, text: str) -> None:
        """Adds the words of a turn; no match runs over its end."""
        if self.letters:
            self._add(_TURN, (number, 0, 0))
        mapped = normalize(text)
        for word in _WORD.finditer(blank_stage_marks(mapped.text)):
            first = len(self.letters)
            for place in range(*word.span()):
                for letter in _fold(mapped.text[place]):
                    self._add(letter, (number, mapped.offsets[place], mapped.offsets[place + 1]))
            if first < len(self.letters):
                self._starts[first] = self._ends[-1] = 1

    def _add(self, letter: str, place: tuple[int, int, int]) -> None:
        self.letters.append(letter)
        self._places.append(place)
        self._starts.append(0)
        self._ends.append(0)

    def find(self, wanted: str) -> tuple[int, int, int] | None:
        """Returns the turn, and the range in it, of the first match of whole words."""
        self._joined = self._joined or "".join(self.letters)
        at = self._joined.find(wanted)
        while at >= 0:
            end = at + len(wanted)
            if self._starts[at] and self._ends[end]:
                (turn, first, _), (_, _, last) = self._places[at], self._places[end - 1]
                return turn, first, last
            # On to the next beginning of a word: trying each letter would take quadratic time.
            start = self._starts.find(1, at + 1)
            at = self._joined.find(wanted, start) if start >= 0 else -1
        return None


@lru_cache(maxsize=4_096)
def _fold(character: str) -> str:
    """Returns the letters that a character is compared by."""
    folded = unicodedata.normalize("NFKC", character).casefold().replace("ı", "i")
    return "".join(letter for letter in folded if letter not in _IGNORED)


def _passage(turn: MappedText, first: int, end: int, quote: str) -> Passage:
    """Returns the passage at [first, end) of the turn, with the marks around it that the quote has."""
    if not quote[-1].isalnum() and (closing := _CLOSING.match(turn.text, end)):
        end = closing.end()
    if quote[0] in _OPENING_MARKS and first and turn.text[first - 1] in _OPENING_MARKS:
        first -= 1
    start, stop = turn.span(first, end)
    said = turn.text[first:end]
    return Passage(said if stop - start == end - first else " ".join(said.split()), start, stop)


def _parts(quote: str) -> Iterator[str]:
    """Yields the quote, or the parts that may represent a quote that is too long."""
    if len(quote) <= MAX_QUOTE_CHARACTERS:
        yield quote
        return
    ends = [0, *(found.end() for found in _SENTENCE_END.finditer(quote)), len(quote)]
    if whole := max(end for end in ends if end <= MAX_QUOTE_CHARACTERS):
        yield quote[:whole]
    sentences = (quote[start:end].strip() for start, end in pairwise(ends[:_MAX_PARTS]))
    yield from (one for one in sentences if _MIN_PART_CHARACTERS <= len(one) <= MAX_QUOTE_CHARACTERS)
    words, space, _ = quote[:MAX_QUOTE_CHARACTERS].rpartition(" ")
    yield words if space else quote[:MAX_QUOTE_CHARACTERS]
