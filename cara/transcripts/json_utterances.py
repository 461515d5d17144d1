"""Utterances from the two things that recognizers write: phrases, and words in a row.

Names of members differ among recognizers far less than their nesting does, so one list of names serves all.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from cara.transcripts.json_times import DURATIONS, ENDS, MILLISECOND, STARTS, TICK, span_of
from cara.transcripts.located_json import Members, first, mapped_of, objects, text_of
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import TimedWord, Utterance, speaker_key

TEXTS: Final = (
    "punctuatedword", "displaytext", "display", "text", "transcript", "word", "content", "sentence",
    "spokentext", "message", "transcription", "lexical",
)  # fmt: skip
"""What was said; the form with punctuation first."""
TEXTS_OF_WORDS: Final = (*TEXTS, "value")
WORDS: Final = ("displaywords", "words", "elements", "items")
SPEAKERS: Final = (
    "speaker", "speakername", "speakerlabel", "speakerid", "speakertag", "participantrole", "participant",
    "role", "user", "name", "author", "sender",
)  # fmt: skip
_NAMES_OF_SPEAKERS: Final = ("name", "displayname", "label", "username", "speakerid", "id")
_LONGEST_LABEL: Final = 100

_CLOSING: Final = re.compile(r"[.,!?;:…%)\]}»”’、。！？，：；।؟،]+")
_BEGINS_SPACELESS: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_USUAL_CHARACTERS_A_SECOND: Final = 10
_TOO_SLOW: Final = 100
"""Times as long as is usual: no talk, but one whose times are no seconds."""


class Word(NamedTuple):
    """A word or a sign of punctuation in a row of them."""

    text: MappedText
    speaker: str | None
    start: float | None
    end: float | None
    is_punctuation: bool
    opens: bool

    @property
    def timed(self) -> TimedWord | None:
        """The word with its times; None if it has none, or is none."""
        said = self.text.text.strip()
        is_word = bool(said) and not self.is_punctuation and said[0] not in "[("
        if not is_word or self.start is None or self.end is None:
            return None
        return TimedWord(said, self.start, self.end)


def utterances_of_phrases(phrases: Iterable[Members], unit: float = 1) -> list[Utterance]:
    """Returns an utterance of each phrase; of one without a text those of its words.

    `unit` is that of its times, in seconds. Phrases in which nothing is said are left out.
    """
    utterances: list[Utterance] = []
    for phrase in phrases:
        text = mapped_of(first(phrase, TEXTS))
        words = words_of(first(phrase, WORDS), unit)
        text = mapped_of(phrase["words"]) if text is None and "words" in phrase else text
        start, end = span_of(phrase, unit)
        speaker = speaker_of(phrase)
        if text is None or (speaker is None and any(word.speaker for word in words)):
            utterances += utterances_of_words(words, speaker)
        elif text.text.strip():
            start, end = (start, end) if start is not None else _span_of_words(words)
            utterances.append(Utterance(text.stripped(), speaker, start, end, timed(words)))
    return utterances


def utterances_of_words(words: Sequence[Word], speaker: str | None = None) -> Iterator[Utterance]:
    """Yields an utterance of each run of words of one speaker; `speaker` is that of words without one.

    Punctuation and white space belong to whom the word before them does.
    """
    spaced = _are_spaced(words)
    whose: list[tuple[str | None, Word]] = []
    for word in words:
        follows = whose and (word.is_punctuation or word.text.text.isspace())
        whose.append((whose[-1][0] if follows else word.speaker or speaker, word))
    for label, run in groupby(whose, lambda pair: pair[0]):
        same = [word for _, word in run]
        text = _joined(same, spaced).stripped()
        if text.text:
            yield Utterance(text, label, *_span_of_words(same), timed(same))


def _span_of_words(words: Sequence[Word]) -> tuple[float | None, float | None]:
    start = next((word.start for word in words if word.start is not None), None)
    end = next((word.end for word in reversed(words) if word.end is not None), None)
    return (None, None) if start is not None and end is not None and end < start else (start, end)


def words_of(value: Any, unit: float) -> list[Word]:
    """Returns the words in an array of objects; empty ones are left out."""
    words: list[Word] = []
    for item in objects(value):
        if (text := mapped_of(first(item, TEXTS_OF_WORDS))) and text.text:
            kind = text_of(item.get("type")) or ""
            opens = text_of(item.get("attachesto")) == "next"
            is_punctuation = kind.startswith("punct") or bool(_CLOSING.fullmatch(text.text))
            words.append(Word(text, speaker_of(item), *span_of(item, unit), is_punctuation, opens))
    return words


def timed(words: Iterable[Word]) -> tuple[TimedWord, ...]:
    """Returns the words that have times."""
    return tuple(known for word in words if (known := word.timed))


def speaker_of(members: Members) -> str | None:
    """Returns the label of who speaks, as it is written; None if there is none."""
    return label_of(first(members, SPEAKERS))


def label_of(value: Any) -> str | None:
    """Returns a label: a text, a whole number, or the name in an object; None if it is none of them."""
    if isinstance(value, dict):
        value = first(value, _NAMES_OF_SPEAKERS)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:_LONGEST_LABEL]
    return (text_of(value) or "").strip()[:_LONGEST_LABEL] or None


def in_time(utterances: list[Utterance]) -> list[Utterance]:
    """Returns utterances in the order of time, if all have one; those of each speaker stay in their order.

    Channels stand one after the other in many files. Within what one speaker says the offsets must not fall.
    """
    starts = [utterance.start for utterance in utterances if utterance.start is not None]
    if len(starts) < len(utterances) or starts == sorted(starts):
        return utterances
    of_speakers: dict[str | None, list[Utterance]] = {}
    for utterance in utterances:
        of_speakers.setdefault(speaker_key(utterance.speaker), []).append(utterance)
    return list(heapq.merge(*of_speakers.values(), key=lambda utterance: utterance.start or 0))


def guessed_unit(phrases: Sequence[Members]) -> float:
    """Returns the unit of times that have none, in seconds: seconds, milliseconds, or ticks of 100 ns.

    Only whole numbers can be anything but seconds, and only where nobody could speak so slowly.
    """
    starts = _plain_times(phrases, STARTS)
    times = [*starts, *_plain_times(phrases, ENDS), *_plain_times(phrases, DURATIONS)]
    characters = sum(len(text_of(first(phrase, TEXTS)) or "") for phrase in phrases)
    if not characters or not starts or not all(isinstance(time, int) for time in times):
        return 1
    spoken = sum(_plain_lengths(phrases)) or max(starts) - min(starts)
    slowness = spoken * _USUAL_CHARACTERS_A_SECOND / characters
    return 1 if slowness < _TOO_SLOW else MILLISECOND if slowness < _TOO_SLOW * 1000 else TICK


def _plain_times(phrases: Iterable[Members], names: Iterable[str]) -> list[float]:
    times = (first(phrase, names) for phrase in phrases)
    return [time for time in times if isinstance(time, int | float) and not isinstance(time, bool)]


def _plain_lengths(phrases: Iterable[Members]) -> Iterator[float]:
    for phrase in phrases:
        start, end, length = (_plain_times([phrase], names) for names in (STARTS, ENDS, DURATIONS))
        if end and start:
            yield max(0, end[0] - start[0])
        elif length:
            yield length[0]


def _are_spaced(words: Sequence[Word]) -> bool:
    """Returns whether the words bring their own white space, as Whisper, Rev.ai and ElevenLabs write them."""
    with_space = sum(word.text.text != word.text.text.strip() for word in words)
    return with_space * 3 >= len(words) > 0


def _joined(words: Sequence[Word], spaced: bool) -> MappedText:
    parts: list[MappedText] = []
    before: Word | None = None
    for word in words:
        if before and not spaced and _are_apart(before, word):
            end = before.text.offsets[-1]
            parts.append(MappedText(" ", [end, end]))
        parts.append(word.text)
        before = word
    return MappedText.joined(parts)


def _are_apart(before: Word, word: Word) -> bool:
    if before.opens or (word.is_punctuation and not word.opens):
        return False
    last = before.text.text[-1]
    return not (_BEGINS_SPACELESS.match(last) and _BEGINS_SPACELESS.match(word.text.text))
