"""Utterances from the two things that recognizers write: phrases, and words in a row."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, Final, NamedTuple

from cara.transcripts.json_names import names_in
from cara.transcripts.json_speakers import label_of, speaker_in
from cara.transcripts.json_texts import written_in
from cara.transcripts.json_times import span_of
from cara.transcripts.located_json import Members, first, mapped_of, objects, text_of
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import TimedWord, Transcript, TranscriptFormat, Utterance, speaker_key

Json = Members | list[Any]

_INNER: Final = frozenset({"message", "instances"})
_OPENING: Final = "opening"
_MARKS: Final = {"punctuation", "punct", "spacing"}
_WITH_SPACE: Final = {"punct", "spacing"}
"""Kinds of Rev.ai and of ElevenLabs, which write out the white space between words."""
_CLOSING: Final = re.compile(r"[.,!?;:…%)\]}»”’、。！？，：；।؟،]+")
SPACELESS: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_PAUSE: Final = 0.5
"""Seconds."""


class Word(NamedTuple):
    """A word in a row of them; or a sign of punctuation, the white space between two, or a sound.

    A mark is punctuation or white space, and belongs to the word before it.
    """

    text: MappedText
    kind: str
    is_mark: bool
    speaker: str | None
    start: float | None
    end: float | None

    @property
    def timed(self) -> TimedWord | None:
        """The word, or the stage mark, with its times; None if it has none, or is punctuation."""
        if self.start is None or self.end is None:
            return None
        said = self.text.text.strip()
        return TimedWord(said, self.start, self.end) if any(map(str.isalnum, said)) else None


def utterances_of_phrases(phrases: Iterable[Members], unit: float = 1) -> list[Utterance]:
    """Returns an utterance of each phrase; of one without a text or one speaker those of its words.

    `unit` is that of its times, in seconds. Phrases in which nothing is said are left out.
    """
    told = [(phrase, names := names_in(phrase), speaker_in(phrase, names)) for phrase in map(_flat, phrases)]
    labels = {speaker for _, _, speaker in told}
    utterances: list[Utterance] = []
    for phrase, names, speaker in told:
        text = written_in(first(phrase, names.texts)) or mapped_of(phrase.get("words"))
        words = words_of(first(phrase, names.words), unit) if names.words else []
        if text is None or (words and _are_of_others(words, speaker, labels)):
            utterances += utterances_of_words(words, speaker)
            continue
        start, end = span_of(phrase, unit)
        start, end = (start, end) if start is not None or not words else _span_of_words(words)
        utterances.append(Utterance(text.stripped(), speaker, start, end, _timed(words) if words else ()))
    return [utterance for utterance in utterances if utterance.text.text]


def _flat(phrase: Members) -> Members:
    """Returns the phrase with the members of the message in it, or of the first place where it is said."""
    if _INNER.isdisjoint(phrase):
        return phrase
    for name in sorted(_INNER):
        inner = phrase.get(name)
        if isinstance(inner, list):
            inner = next(iter(objects(inner)), None)
        if isinstance(inner, dict):
            phrase = {**phrase, name: None, **inner}
    return phrase


def _are_of_others(words: Sequence[Word], speaker: str | None, labels: set[str | None]) -> bool:
    """Returns whether words are said to be of others than their phrase.

    Not if their labels are of another kind than those of phrases: numbers beside names, say.
    """
    whose = {word.speaker for word in words} - {None}
    others = whose - {speaker}
    return bool(others) and (speaker is None or speaker in whose or others <= labels)


def utterances_of_words(words: Iterable[Word], speaker: str | None = None) -> Iterator[Utterance]:
    """Yields an utterance of each run of words of one speaker; `speaker` is that of words without one."""
    whose: list[tuple[str | None, Word]] = []
    for word in words:
        whose.append((whose[-1][0] if whose and word.is_mark else word.speaker or speaker, word))
    for label, run in groupby(whose, lambda pair: pair[0]):
        same = [word for _, word in run]
        text = _joined(same).stripped()
        if text.text:
            yield Utterance(text, label, *_span_of_words(same), _timed(same))


def utterances_of_channel(words: Iterable[Word], speaker: str | None) -> Iterator[Utterance]:
    """Yields an utterance of each run of words without a pause: in between, another channel may speak."""
    run: list[Word] = []
    heard = 0.0
    for word in words:
        if run and word.start is not None and word.start - heard > _PAUSE:
            yield from utterances_of_words(run, speaker)
            run = []
        run.append(word._replace(speaker=speaker))
        heard = word.end or heard
    yield from utterances_of_words(run, speaker)


def words_of(value: Any, unit: float = 1) -> list[Word]:
    """Returns the words in an array of objects; empty ones are left out."""
    words: list[Word] = []
    for item in objects(value):
        names = names_in(item)
        text = mapped_of(first(item, names.texts) or item.get("value"))
        if text and text.text:
            opens = "attachesto" in item and text_of(item["attachesto"]) == "next"
            kind = _OPENING if opens else text_of(item.get("type")) or ""
            is_mark = kind in _MARKS or _is_mark(text.text)
            words.append(
                Word(text, kind, is_mark, label_of(first(item, names.speakers)), *span_of(item, unit))
            )
    return words


def read_as(
    format: TranscriptFormat, utterances: Iterable[Utterance], duration_seconds: float | None = None
) -> Transcript:
    """Returns the transcript of utterances, which are put in the order of time."""
    as_written = sorted(utterances, key=lambda utterance: utterance.text.offsets[0])
    return Transcript(format, tuple(_in_time(as_written)), duration_seconds)


def _in_time(utterances: list[Utterance]) -> list[Utterance]:
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


def _is_mark(text: str) -> bool:
    return not text[-1].isalnum() and (text.isspace() or _CLOSING.fullmatch(text) is not None)


def _timed(words: Iterable[Word]) -> tuple[TimedWord, ...]:
    return tuple(known for word in words if (known := word.timed))


def _span_of_words(words: Sequence[Word]) -> tuple[float | None, float | None]:
    start = next((word.start for word in words if word.start is not None), None)
    end = next((word.end for word in reversed(words) if word.end is not None), None)
    return (None, None) if start is not None and end is not None and end < start else (start, end)


def _joined(words: Sequence[Word]) -> MappedText:
    """Returns the words with white space between them, but for that which they bring themselves."""
    written_out = not _WITH_SPACE.isdisjoint(word.kind for word in words)
    with_space = sum(word.text.text[0].isspace() or word.text.text[-1].isspace() for word in words)
    if with_space * 3 >= len(words):
        return MappedText.joined(word.text for word in words)
    parts = [words[0].text]
    for before, word in pairwise(words):
        if _are_apart(before, word, written_out):
            end = before.text.offsets[-1]
            parts.append(MappedText(" ", [end, end]))
        parts.append(word.text)
    return MappedText.joined(parts)


def _are_apart(before: Word, word: Word, written_out: bool) -> bool:
    if word.is_mark or before.kind == _OPENING or (written_out and before.is_mark):
        return False
    one, other = before.text.text[-1], word.text.text[0]
    if one.isascii() or other.isascii():
        return not (one.isspace() or other.isspace())
    return not (SPACELESS.match(one) and SPACELESS.match(other))
