"""Words with times in the text of their utterance, and times of more than one recording."""

from __future__ import annotations

import math

import pytest

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.timed_words import placed_words
from cara.transcripts.utterances import TimedWord, Transcript, Utterance
from tests.growth import grows_linearly


def said(text: str, *words: TimedWord, start: float | None = 0, end: float | None = 9) -> Utterance:
    return Utterance(MappedText.whole(text), "Ann", start, end, words)


def places(utterance: Utterance) -> list[str]:
    return [utterance.text.text[word.first : word.last] for word in placed_words(utterance).words]


def test_words_are_found_in_the_text_however_they_are_written() -> None:
    words = ["well", "We", "sold", "of", "straße's", "houses"]
    timed = (TimedWord(word, start, start + 0.5) for start, word in enumerate(words))
    utterance = said("Well, [laughs] we SOLD 7 of Straße’s—houses.", *timed)
    assert places(utterance) == ["Well", "we", "SOLD", "of", "Straße’s", "houses"]
    assert [word.skipped for word in placed_words(utterance).words] == [0, 0, 0, 1, 0, 0]
    assert placed_words(utterance).left == 0


@pytest.mark.parametrize(
    ("start", "end"),
    [(math.nan, 1), (1, math.nan), (-1, 1), (3, 2), (1, math.inf), (1, 7), (8, 10.5), (-math.inf, 1)],
)
def test_a_word_whose_times_make_no_sense_has_none(start: float, end: float) -> None:
    assert places(said("We go.", TimedWord("We", start, end), TimedWord("go", 8, 8.5))) in (["go"], [])


def test_times_of_words_that_fall_are_not_used() -> None:
    assert places(said("We go.", TimedWord("We", 3, 4), TimedWord("go", 2, 3))) == []


def test_words_that_are_not_said_take_linear_time() -> None:
    def place(text: str) -> object:
        words = (TimedWord("never", i, i + 0.1) for i in range(len(text) // 5))
        return placed_words(said(text, *words, end=None))

    assert grows_linearly(place, "we go on " * 2_000)


@pytest.mark.parametrize(
    ("spans", "anew"),
    [
        ([(0, 5), (5, 9)], False),
        ([(0, 5), (4.5, 9), (4, 6)], False),  # captions and recognizers are no more exact
        ([(0, 5), (6, 9), (0, 5)], True),
        ([(0, 6), (0, 5), (0, 7)], True),
        ([(0, 6), (3, 9), (6, 12), (9, 15)], False),  # captions that roll up
        ([(100, 104), (200, 204), (0, 4), (50, 54)], True),
        ([(6, 9), (0, 5)], True),
        ([(0, 5), (math.nan, 3), (5, 4), (None, 2)], False),
    ],
)
def test_times_of_several_parts_are_told_from_those_of_one_recording(
    spans: list[tuple[float | None, float | None]], anew: bool
) -> None:
    transcript = Transcript("utterances", tuple(said("Go.", start=start, end=end) for start, end in spans))
    assert transcript.times_begin_anew is anew
    assert (transcript.known_seconds is None) is anew
