"""Pauses and articulation rate: what the times of words tell about speech and silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cara.speech.schemas import ArticulationRate, Pauses
from cara.speech.sentences import count_syllables
from cara.speech.words import Words
from cara.transcripts.talk import Talk, spoken_utterances
from cara.transcripts.timed_words import PlacedWord, placed_words
from cara.transcripts.utterances import Turn

_PAUSE_MS = 250
_WITHOUT_ENDS = frozenset({"webvtt", "srt"})
"""Captions tell when words begin, and nothing else: a word lasts until the next one there."""

_LEAST_TIMED = 0.8
"""A recognizer may leave some words without times, such as numbers; with fewer the pauses are not known."""


@dataclass
class _Speech:
    """Milliseconds of speech and pauses, and the letters of what is said with and without times."""

    speech: int = 0
    pauses: list[int] = field(default_factory=list)
    letters: int = 0
    timed_letters: int = 0

    def add_turn(self, turn: Turn) -> None:
        """Adds the words of a turn; a silence where words without times stand is no pause."""
        heard: int | None = None
        skipped = 0
        for utterance in spoken_utterances(turn):
            words, letters, left = placed_words(utterance)
            for word in words:
                heard = self._add_word(word, heard, skipped + word.skipped)
                skipped = 0
            skipped += left
            self.letters += letters
            self.timed_letters += letters - left - sum(word.skipped for word in words)

    def _add_word(self, word: PlacedWord, heard: int | None, skipped: int) -> int:
        """Returns until when something was heard."""
        start, end = round(1000 * word.start), round(1000 * word.end)
        if heard is None:
            heard = start
        gap = start - heard
        if gap <= _PAUSE_MS:
            self.speech += max(0, end - heard)
        else:
            self.speech += end - start
            self.pauses += [] if skipped else [gap]
        return max(heard, end)


def measure_pauses(talk: Talk, words: Words, *, english: bool) -> tuple[Pauses, ArticulationRate] | None:
    """Returns the silent pauses inside the learner's turns, and the articulation rate between them.

    A pause is a silence of more than 0.25 seconds between two words of a turn. `share` is the time of pauses
    ÷ that of speech and pauses; `per_minute` counts them in that time.
    Norm: none that holds for every task; who speaks freely pauses more than who reads.
    Source: de Jong & Bosker 2013, DiSS, for the threshold; Goldman-Eisler 1968, Psycholinguistics.
    Limit: recognizers that stretch words over silences hide pauses.

    The articulation rate is the number of words, and in English of syllables, ÷ minutes of phonation: of
    speech without pauses. Fillers and repairs count, since they take their time in it.
    Norm: 4 to 6 syllables a second, 240 to 360 a minute. Source: Goldman-Eisler 1968; de Jong & Wempe 2009,
    Behavior Research Methods 41.
    Limit: words without times are taken to last as long as the others.

    None without times of words, or with times of fewer than four in five of them.
    """
    if talk.transcript.format in _WITHOUT_ENDS or talk.transcript.times_begin_anew:
        return None
    if not any(utterance.words for turn in talk.own for utterance in turn.utterances):
        return None
    found = _Speech()
    for turn in talk.own:
        found.add_turn(turn)
    if not found.speech or found.timed_letters < _LEAST_TIMED * found.letters:
        return None
    minutes = found.speech / 60_000 * found.letters / found.timed_letters
    syllables = _syllables(words) / minutes if english else None
    return _pauses(found.speech, found.pauses), ArticulationRate(
        words_per_minute=round(len(words) / minutes, 1),
        syllables_per_minute=None if syllables is None else round(syllables, 1),
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
