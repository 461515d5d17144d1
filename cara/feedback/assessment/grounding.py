"""Grounding: finds the quotes of highlights in what the learner said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from cara.speech.text import TURN, compose
from cara.speech.turns import own_passages
from cara.speech.words import COMBINING
from cara.transcripts.mapped_text import MappedText

_QUOTATION_MARKS = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
)
# Scripts in which nothing stands between the words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    r"\u3005\u3040-\u30ff\u31f0-\u31ff"  # kana
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_INSIDE_A_WORD = re.compile(rf"(?<=[\w{COMBINING}])(?<![{_UNSPACED}])['’]?(?![{_UNSPACED}])[\w{COMBINING}]")
_WORD_BEGINS = re.compile(rf"(?<![\w{COMBINING}])(?<![\w{COMBINING}]['’])['’]?[\w{COMBINING}]|[{_UNSPACED}]")


MAX_QUOTE_CHARACTERS = 400
_MAX_PARTS, _MIN_PART_CHARACTERS = 12, 20
"""Sentences of a word or two, such as `Yes.`, stand in many transcripts that do not have the quote."""

_SENTENCE_END = re.compile(r"""(?<=[.!?…])["'”’)\]]*\s+|(?<=[。！？])|\n+""")


@dataclass(frozen=True)
class Passage:
    """Where a quote stands: the text itself, at [start, end) in characters of the transcript."""

    text: str
    start: int
    end: int


class Transcript:
    """A transcript in which quotes of the learner are looked up; it is folded once for all of them."""

    def __init__(self, text: str) -> None:
        self.text = text
        own = own_passages(text)
        self._exact = _joined(text, own, _as_it_stands)
        self._folded = _joined(text, own, _fold)

    def find_sentence(self, quote: str) -> Passage | None:
        """Returns the passage of the quote, or of a part of it if it has more than `MAX_QUOTE_CHARACTERS`.

        Tries its longest beginning of whole sentences first, then its first sentences one by one, then as
        many words as fit. None when none of them stands in the learner's turns.
        """
        return next((place for part in _parts(quote.strip()) if (place := self.find(part))), None)

    def find(self, quote: str) -> Passage | None:
        """Returns the first passage in one of the learner's turns that is the quote, in whole words.

        Compares exactly at first; then with Unicode composition, white space, case and quotation marks
        folded, without the marks and dots that a model puts around a quote. None when there is no such
        passage. Scripts without spaces have no word boundaries to respect.
        """
        exact = quote.strip()
        folded = _fold(exact).text.strip(" \"'…").removesuffix("...").strip()
        for own, wanted in ((self._exact, exact), (self._folded, folded)):
            if wanted and TURN not in wanted and (at := _place_of(wanted, own.text)) is not None:
                start, end = own.span(at, at + len(wanted))
                return Passage(self.text[start:end], start, end)
        return None


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


def _joined(text: str, ranges: Iterable[tuple[int, int]], change: Callable[[str], MappedText]) -> MappedText:
    """Returns the changed passages, joined by the turn character, which no quote contains."""
    texts: list[str] = []
    places: list[int] = []
    for start, end in ranges:
        if text[start:end].isspace():
            continue
        passage = change(text[start:end])
        texts.append(passage.text)
        places += [start + place for place in passage.offsets]
    return MappedText(TURN.join(texts), places or [0])


def _as_it_stands(text: str) -> MappedText:
    return MappedText(text, list(range(len(text) + 1)))


def _fold(text: str) -> MappedText:
    """Returns the text composed and lower-cased, with single spaces and plain quotation marks."""
    whole = compose(text)
    folded: list[str] = []
    places: list[int] = []
    for character, place in zip(whole.text.translate(_QUOTATION_MARKS), whole.offsets, strict=False):
        if character.isspace():
            if folded and folded[-1] == " ":
                continue
            character = " "
        for folded_character in character.casefold():
            folded.append(folded_character)
            places.append(place)
    return MappedText("".join(folded), [*places, len(text)])


def _place_of(quote: str, text: str) -> int | None:
    """Returns the first offset of the quote in whole words."""
    at = text.find(quote)
    while at >= 0:
        if _splits_a_word(text, at):
            # Skip to the beginning of the next word: trying each letter would take quadratic time.
            begins = _WORD_BEGINS.search(text, at + 1)
            at = text.find(quote, begins.start()) if begins else -1
        elif _splits_a_word(text, at + len(quote)):
            at = text.find(quote, at + 1)
        else:
            return at
    return None


def _splits_a_word(text: str, place: int) -> bool:
    """Returns whether the offset is inside a word; `don't` is one word."""
    after_apostrophe = place > 1 and text[place - 1] in "'’"
    return bool(_INSIDE_A_WORD.match(text, place - 1 if after_apostrophe else place))
