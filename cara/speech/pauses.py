"""Pauses and articulation rate: what the times of words tell about speech and silence."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from cara.speech.backchannels import asks, is_backchannel
from cara.speech.exchanges import Stretch
from cara.speech.schemas import ArticulationRate, Pauses
from cara.speech.sentences import count_syllables
from cara.speech.words import Words
from cara.transcripts.stage_marks import find_stage_marks, is_stage_mark
from cara.transcripts.talk import Talk
from cara.transcripts.timed_words import PlacedWord, placed_words
from cara.transcripts.utterances import TimedWord, Utterance

_PAUSE_MS = 250
_WITHOUT_ENDS = frozenset({"webvtt", "srt"})
"""Captions tell when words begin, and nothing else: a word lasts until the next one there."""

_LEAST_TIMED = 0.8
"""A recognizer may leave some words without times, such as numbers; with fewer the pauses are not known."""

_MOST_WORDS = 600
_MOST_SYLLABLES = 720
"""A minute: twelve a second are more than the quickest speakers can articulate."""


class _Sound(NamedTuple):
    """What is heard, in milliseconds: a word, or else a laugh or the like, which is no speech.

    `skipped` letters without times stand before it. What the text lacks is `unplaced`.
    """

    start: int
    end: int
    is_word: bool = True
    unplaced: bool = False
    skipped: int = 0


@dataclass
class _Speech:
    """Milliseconds of speech and pauses, and the letters of what is said with and without times.

    `others` are the starts of what others say, and until when they have spoken then.
    """

    others: tuple[list[int], list[int]]
    speech: int = 0
    unplaced: int = 0
    pauses: list[int] = field(default_factory=list)
    letters: int = 0
    timed_letters: int = 0

    def add(self, said: Iterable[Utterance]) -> None:
        """Adds what is said without a turn between; a silence where words without times stand is no pause."""
        heard: int | None = None
        skipped = 0
        for utterance in said:
            sounds, letters, left = _sounds(utterance)
            for sound in sounds:
                heard = self._add_sound(sound, sound.start if heard is None else heard, skipped)
                skipped = 0
            skipped += left
            self.letters += letters
            self.timed_letters += letters - left - sum(sound.skipped for sound in sounds)

    def _add_sound(self, sound: _Sound, heard: int, skipped: int) -> int:
        """Returns until when something was heard."""
        gap = sound.start - heard
        if gap > _PAUSE_MS and not (skipped + sound.skipped or self._others_speak(heard, sound.start)):
            self.pauses.append(gap)
        if sound.is_word:
            spoken = max(0, sound.end - (sound.start if gap > _PAUSE_MS else heard))
            self.speech += spoken
            self.unplaced += spoken * sound.unplaced
        return max(heard, sound.end)

    def _others_speak(self, start: int, end: int) -> bool:
        starts, ends = self.others
        before = bisect_left(starts, end)
        return before > 0 and ends[before - 1] > start


def _sounds(utterance: Utterance) -> tuple[list[_Sound], int, int]:
    """Returns what is heard in an utterance, its letters, and those without times behind the last word."""
    if is_stage_mark(utterance.text.text):
        span = utterance.span
        return _marks(TimedWord(utterance.text.text, *span)) if span else [], 0, 0
    words, letters, left, unplaced = placed_words(utterance)
    sounds = [_Sound(*_milliseconds(word), skipped=word.skipped) for word in words]
    for word in unplaced:
        if is_stage_mark(word.text):
            sounds += _marks(word)
        else:
            sounds.append(_Sound(*_milliseconds(word), unplaced=True))
    return sorted(sounds), letters, left


def _marks(word: TimedWord) -> list[_Sound]:
    """Returns the sound of a stage mark; none of a silence."""
    is_silent = any(mark.is_silence for mark in find_stage_marks(word.text))
    return [] if is_silent else [_Sound(*_milliseconds(word), is_word=False)]


def _milliseconds(word: PlacedWord | TimedWord) -> tuple[int, int]:
    return round(1000 * word.start), round(1000 * word.end)


def _without_turns_between(talk: Talk) -> Iterator[list[Utterance]]:
    """Yields what the learner says until somebody else takes a turn, which signs of listening don't."""
    said: list[Utterance] = []
    for turn in talk.turns:
        if talk.is_learners(turn):
            said += turn.utterances
        elif said and (asks(said[-1].text.text) or not is_backchannel(turn.text.text)):
            yield said
            said = []
    yield said


def measure_pauses(
    talk: Talk, words: Words, others: Sequence[Stretch], *, english: bool
) -> tuple[Pauses, ArticulationRate] | None:
    """Returns the silent pauses inside the learner's turns, and the articulation rate between them.

    A pause is a silence of more than 0.25 seconds between two words of a turn, in which none of `others`
    speaks and nobody laughs. `share` is the time of pauses ÷ that of speech and pauses; `per_minute` counts
    them in that time.
    Norm: none that holds for every task; who speaks freely pauses more than who reads.
    Source: de Jong & Bosker 2013, DiSS, for the threshold; Goldman-Eisler 1968, Psycholinguistics.
    Limit: recognizers that stretch words over silences hide pauses.

    The articulation rate is the number of words, and in English of syllables, ÷ minutes of phonation: of
    speech without pauses. Fillers and repairs count, since they take their time in it.
    Norm: 4 to 6 syllables a second, 240 to 360 a minute. Source: Goldman-Eisler 1968; de Jong & Wempe 2009,
    Behavior Research Methods 41.
    Limit: words without times are taken to last as long as the others.

    None without times of words, with times of fewer than four in five of them, and with times in which
    nobody can say so much.
    """
    if talk.transcript.format in _WITHOUT_ENDS or talk.transcript.times_begin_anew:
        return None
    if not any(utterance.words for turn in talk.own for utterance in turn.utterances):
        return None
    untils = list(accumulate((each.end for each in others), max))
    found = _Speech(([each.start for each in others], untils))
    for said in _without_turns_between(talk):
        found.add(said)
    articulated = found.speech - found.unplaced
    if not articulated or found.timed_letters < _LEAST_TIMED * found.letters:
        return None
    minutes = articulated / 60_000 * found.letters / found.timed_letters
    rate = _articulation_rate(words, minutes, english=english)
    is_possible = rate.words_per_minute <= _MOST_WORDS and (rate.syllables_per_minute or 0) <= _MOST_SYLLABLES
    return (_pauses(found.speech, found.pauses), rate) if is_possible else None


def _articulation_rate(words: Words, minutes: float, *, english: bool) -> ArticulationRate:
    return ArticulationRate(
        words_per_minute=round(len(words) / minutes, 1),
        syllables_per_minute=round(_syllables(words) / minutes, 1) if english else None,
    )


def _pauses(speech: int, pauses: list[int]) -> Pauses:
    paused = sum(pauses)
    return Pauses(
        count=len(pauses),
        per_minute=round(60_000 * len(pauses) / (speech + paused), 2),
        share=round(paused / (speech + paused), 3),
        longest_seconds=max(pauses, default=0) / 1000,
    )


def _syllables(words: Words) -> int:
    return sum(count_syllables(word) * count for word, count in Counter(words.lower).items())
