"""Where Whisper and its relatives put phrases and words, and Cara's own JSON, and what is like it."""

from __future__ import annotations

from typing import Any, Final

from cara.transcripts.cloud_recognizers import of_channels
from cara.transcripts.json_names import MILLISECOND, names_in
from cara.transcripts.json_speakers import speaker_of
from cara.transcripts.json_times import duration_of, seconds
from cara.transcripts.json_units import guessed_unit
from cara.transcripts.json_utterances import (
    Json,
    read_as,
    utterances_of_phrases,
    utterances_of_words,
    words_of,
)
from cara.transcripts.located_json import Members, first, member, objects, text_of
from cara.transcripts.utterances import Transcript

_OF_FASTER_WHISPER: Final = {"seek", "tokens", "temperature", "avglogprob", "nospeechprob"}

_PHRASES: Final = (
    "utterances", "monologues", "sentences", "phrases", "turns", "turnleveltranscription", "messages",
    "entries", "captions", "cues", "speakerblocks", "transcripts", "conversation", "dialogue", "paragraphs",
    "transcriptobject", "contents", "history", "events",
)  # fmt: skip
_LISTS: Final = (
    *_PHRASES, "segments", "transcript", "transcription", "transcriptions", "words", "results", "result",
    "data", "items", "value",
)  # fmt: skip
_MARKS_OF_FINAL: Final = frozenset({"isfinal", "final", "endofturn"})
_KINDS_OF_WORDS: Final = {"word", "spacing", "audio_event", "punctuation"}


def whisper(root: Json) -> Transcript | None:
    """Reads the segments of Whisper and of its relatives, or its text alone."""
    if isinstance(root, list):
        return whisper_as_told(root) if _are_whispers(objects(root)[:1]) else None
    lines = objects(root.get("transcription"))
    if any(member(line, "offsets") or member(line, "timestamps") for line in lines):  # whisper.cpp
        return read_as("whisper", utterances_of_phrases(map(_with_offsets, lines), MILLISECOND))
    named = [objects(root[name]) for name in ("speakers", "segments", "chunks") if name in root]
    spoken = [segments for segments in named if any("text" in segment for segment in segments)]
    if spoken or isinstance(root.get("segments"), list):
        return _of_segments(spoken[0] if spoken else [], root)
    return _of_text(root)


def whisper_as_told(root: Json) -> Transcript | None:
    """Reads the same, and any array of segments."""
    return whisper(root) if isinstance(root, dict) else _of_segments(objects(root), {})


def _of_text(root: Members) -> Transcript | None:
    words = objects(first(root, ("words", "wordsegments", "result")))
    is_other = any(objects(root.get(name)) for name in _PHRASES) or any("type" in word for word in words)
    if is_other or text_of(root.get("text")) is None:
        return None
    return read_as("whisper", utterances_of_phrases([{**root, "words": words}]), duration_of(root))


def _are_whispers(segments: list[Members]) -> bool:
    return any("text" in segment and _OF_FASTER_WHISPER & segment.keys() for segment in segments) or any(
        "score" in word for word in _words_in(segments)
    )


def _of_segments(segments: list[Members], root: Members) -> Transcript:
    words = objects(first(root, ("words", "wordsegments")))
    if words and not _words_in(segments):
        segments = _with_words(segments, words)
    is_whisperx = "wordsegments" in root or _are_whisperx(segments)
    unit = guessed_unit(segments)
    utterances = utterances_of_phrases(segments, unit)
    return read_as("whisperx" if is_whisperx else "whisper", utterances, duration_of(root, unit))


def _are_whisperx(segments: list[Members]) -> bool:
    if any(text_of(segment.get("type")) == "transcript.text.segment" for segment in segments):
        return False  # of OpenAI
    words = _words_in(segments)
    return any(speaker_of(part) for part in (*segments, *words)) or any("score" in word for word in words)


def _words_in(segments: list[Members]) -> list[Members]:
    return [word for segment in segments if "words" in segment for word in objects(segment["words"])]


def _with_words(segments: list[Members], words: list[Members]) -> list[Members]:
    """Returns the segments with the words that begin before their ends."""
    starts = [seconds(word.get("start")) or 0 for word in words]
    whole: list[Members] = []
    position = 0
    for segment in segments:
        begin, end = position, seconds(segment.get("end")) or 0
        while position < len(words) and starts[position] < end:
            position += 1
        whole.append({**segment, "words": words[begin:position]})
    return whole


def _with_offsets(line: Members) -> Members:
    times = member(line, "offsets") or member(line, "timestamps")
    return {**line, "start": times.get("from"), "end": times.get("to")}


def plain_utterances(root: Json) -> Transcript | None:
    """Reads Cara's own JSON of utterances, and what is like it: an array of phrases or of words."""
    found = root if isinstance(root, list) else _list_in(root)
    if found is None:
        return None
    items = _final(objects(found))
    if found and not any(map(_says_something, items)):
        return None
    unit = guessed_unit(items)
    if any(map(_is_word, items[:1])):
        utterances = list(utterances_of_words(words_of(items, unit)))
    else:
        utterances = utterances_of_phrases(of_channels(items), unit)
    return read_as("utterances", utterances, duration_of(root, unit))


def _final(items: list[Members]) -> list[Members]:
    """Returns the items without guesses that were put right later, if it is told which ones are final."""
    return [item for item in items if _MARKS_OF_FINAL.isdisjoint(item) or not _is_guess(item)] or items


def _is_guess(item: Members) -> bool:
    return any(item.get(name) is False for name in _MARKS_OF_FINAL)


def _is_word(item: Members) -> bool:
    if "words" in item:
        return False
    return bool({"word", "punctuatedword"} & item.keys()) or text_of(item.get("type")) in _KINDS_OF_WORDS


def _list_in(root: Members) -> list[Any] | None:
    """Returns the first array in which something is said, or one of the object if it is a phrase, or None."""
    lists = [root[name] for name in _LISTS if isinstance(root.get(name), list)]
    spoken = (found for found in lists if any(map(_says_something, objects(found))))
    if lists:
        return next(spoken, None) or next(filter(None, lists), [])
    is_phrase = any(
        text_of(root[name]) is not None for name in ("transcript", "transcription") if name in root
    )
    return [root] if is_phrase else None


def _says_something(item: Members) -> bool:
    names = names_in(item)
    return bool(names.texts or names.words)
