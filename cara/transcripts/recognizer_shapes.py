"""Where recognizers put phrases and words: a function for each of them, None for JSON that is not its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from cara.transcripts.json_times import DURATIONS, MILLISECOND, TICK, seconds, time_of
from cara.transcripts.json_utterances import (
    TEXTS,
    WORDS,
    guessed_unit,
    in_time,
    label_of,
    speaker_of,
    utterances_of_phrases,
    utterances_of_words,
    words_of,
)
from cara.transcripts.located_json import Members, first, objects, text_of
from cara.transcripts.utterances import Transcript, TranscriptFormat, Utterance

Json = Members | list[Any]

_CHANNELS: Final = ("channel", "channeltag", "channelindex", "channellabel")


def deepgram(root: Json) -> Transcript | None:
    """Reads the utterances of Deepgram, else the words of its channels."""
    results = _member(root, "results")
    if results is None or not {"utterances", "channels"} & results.keys():
        return None
    utterances = utterances_of_phrases(_of_channels(objects(results.get("utterances"))))
    if not utterances:
        channels = objects(results.get("channels"))
        labels = range(len(channels)) if len(channels) > 1 else [None]
        for label, channel in zip(labels, channels, strict=False):
            utterances += _of_deepgram_channel(_best(channel), label)
    return _transcript("deepgram", utterances, _duration(_member(root, "metadata")))


def _of_deepgram_channel(best: Members, label: int | None) -> list[Utterance]:
    words = objects(best.get("words"))
    if words:
        spoken = words if label is None else [{**word, "speaker": label} for word in words]
        return list(utterances_of_words(words_of(spoken, 1)))
    paragraphs = objects((_member(best, "paragraphs") or {}).get("paragraphs"))
    sentences = [
        {**sentence, "speaker": paragraph.get("speaker")}
        for paragraph in paragraphs
        for sentence in objects(paragraph.get("sentences"))
    ]
    phrases = sentences or [best]
    return utterances_of_phrases(
        phrases if label is None else [{**phrase, "speaker": label} for phrase in phrases]
    )


def aws(root: Json) -> Transcript | None:
    """Reads the items of Amazon Transcribe, of each channel; else its audio segments or its text."""
    results = _member(root, "results")
    if results is None or not {"items", "transcripts", "audiosegments", "channellabels"} & results.keys():
        return None
    utterances: list[Utterance] = []
    channels = objects((_member(results, "channellabels") or {}).get("channels"))
    if len(channels) > 1:
        for channel in channels:
            items = _flat(channel.get("items"))
            utterances += utterances_of_words(words_of(items, 1), label_of(channel.get("channellabel")))
    else:
        utterances += utterances_of_words(words_of(_with_speakers_of_aws(results), 1))
    if not utterances:
        further = objects(results.get("audiosegments")) or objects(results.get("transcripts"))
        utterances = utterances_of_phrases({**phrase, "items": None} for phrase in further)
    return _transcript("aws", utterances)


def _with_speakers_of_aws(results: Members) -> list[Members]:
    """Returns the items; where they do not say whose they are, a table beside them does, by times."""
    speakers = {
        seconds(item.get("starttime")): first(item, ["speakerlabel"]) or segment.get("speakerlabel")
        for segment in objects((_member(results, "speakerlabels") or {}).get("segments"))
        for item in objects(segment.get("items"))
    }
    return [
        {"speakerlabel": speakers.get(seconds(item["starttime"])), **item} if "starttime" in item else item
        for item in _flat(results.get("items"))
    ]


def azure(root: Json) -> Transcript | None:
    """Reads the phrases of Azure: of batch and fast transcription, and of results of its SDK."""
    if isinstance(root, list):
        phrases, unit = objects(root), TICK
        if not any({"nbest", "displaytext"} & phrase.keys() for phrase in phrases[:1]):
            return None
    elif {"recognizedphrases", "segmentresults", "combinedrecognizedphrases"} & root.keys():
        found = objects(first(root, ["recognizedphrases", "segmentresults"]))
        phrases, unit = found or objects(root.get("combinedrecognizedphrases")), TICK
    elif "combinedphrases" in root:
        phrases, unit = objects(root.get("phrases")) or objects(root["combinedphrases"]), MILLISECOND
    elif {"nbest", "displaytext"} & root.keys():
        phrases, unit = [root], TICK
    else:
        return None
    flat = [{**phrase, **_without_times(_first_object(phrase.get("nbest")))} for phrase in phrases]
    duration = _duration(root, unit) if isinstance(root, dict) and phrases != [root] else None
    return _transcript("azure", utterances_of_phrases(_of_channels(flat), unit), duration)


def _without_times(best: Members) -> Members:
    return {name: value for name, value in best.items() if name in (*TEXTS, *WORDS, "speaker")}


def google(root: Json) -> Transcript | None:
    """Reads the results of Google Speech-to-Text v1 and v2.

    With speakers told apart, the last result says all words once more, and whose they are: it stands alone.
    """
    results = objects(root.get("results")) if isinstance(root, dict) else []
    if not any({"transcript", "words"} & _best(result).keys() for result in results):
        return None
    of_channels: dict[str | None, list[Members]] = {}
    for result in results:
        best = _best(result)
        words = [_without_tag_0(word) for word in objects(best.get("words"))]
        channel = {name: value for name, value in result.items() if name in _CHANNELS}
        of_channels.setdefault(label_of(first(channel, _CHANNELS)), []).append(
            {**best, "words": words, **channel}
        )
    phrases = [phrase for channel in of_channels.values() for phrase in _without_repetition(channel)]
    return _transcript("google", utterances_of_phrases(_of_channels(phrases)))


def _without_tag_0(word: Members) -> Members:
    return {name: value for name, value in word.items() if name != "speakertag" or value}


def _without_repetition(results: list[Members]) -> list[Members]:
    beginning, last = results[0]["words"], results[-1]["words"]
    if not any(speaker_of(word) for word in last):
        return results
    untold = not any(speaker_of(word) for result in results[:-1] for word in result["words"])
    return results[-1:] if untold or _begins_with(last, beginning) else results


def _begins_with(words: list[Members], beginning: list[Members]) -> bool:
    pairs = list(zip(words_of(words[: len(beginning)], 1), words_of(beginning, 1), strict=False))
    return bool(pairs) and all(
        one.text.text == other.text.text and one.start == other.start for one, other in pairs
    )


def speechmatics(root: Json) -> Transcript | None:
    """Reads the words of Speechmatics."""
    results = objects(root.get("results")) if isinstance(root, dict) else []
    if not any("content" in _best(result) for result in results):
        return None
    words = words_of(_flat(results), 1)
    return _transcript("utterances", utterances_of_words(words), _duration(_member(root, "job")))


def assemblyai(root: Json) -> Transcript | None:
    """Reads what is AssemblyAI's by its own members, or by times in milliseconds."""
    if not isinstance(root, dict):
        return None
    marks = {"audiourl", "acousticmodel", "languagemodel", "audioduration", "speechmodel"}
    spoken = objects(root.get("utterances")) or objects(root.get("words"))
    is_own = marks & root.keys() or (spoken and guessed_unit(spoken) == MILLISECOND)
    return assemblyai_as_told(root) if is_own else None


def assemblyai_as_told(root: Json) -> Transcript | None:
    """Reads the utterances of AssemblyAI, else its sentences, its paragraphs, or its text."""
    names = ("utterances", "sentences", "paragraphs")
    if not isinstance(root, dict) or not {*names, "words", "text"} & root.keys():
        return None
    phrases: Sequence[Members] = next((found for name in names if (found := objects(root.get(name)))), [root])
    return _transcript("assemblyai", utterances_of_phrases(phrases, MILLISECOND), _duration(root))


def whisper(root: Json) -> Transcript | None:
    """Reads the segments of Whisper and of its relatives, or its text alone."""
    if isinstance(root, list):
        return _of_segments(objects(root), {}) if _are_whispers(objects(root)[:1]) else None
    if isinstance(lines := root.get("transcription"), list):  # whisper.cpp
        return _transcript("whisper", utterances_of_phrases(map(_with_offsets, objects(lines)), MILLISECOND))
    named = [objects(root[name]) for name in ("speakers", "segments", "chunks") if name in root]
    spoken = [segments for segments in named if any("text" in segment for segment in segments)]
    if spoken or isinstance(root.get("segments"), list):
        return _of_segments(spoken[0] if spoken else [], root)
    words = objects(first(root, ["words", "wordsegments", "result"]))
    if text_of(root.get("text")) is None or any("type" in word for word in words):
        return None
    return _transcript("whisper", utterances_of_phrases([{**root, "words": words}]), _duration(root))


def _are_whispers(segments: list[Members]) -> bool:
    marks = {"seek", "tokens", "temperature", "avglogprob", "nospeechprob"}
    words = [word for segment in segments for word in objects(segment.get("words"))]
    return any("text" in one and marks & one.keys() for one in segments) or any(
        "score" in word for word in words
    )


def _of_segments(segments: list[Members], root: Members) -> Transcript:
    words = objects(first(root, ["words", "wordsegments"]))
    if words and not any(objects(segment.get("words")) for segment in segments):
        segments = _with_words(segments, words)
    own = [word for segment in segments for word in objects(segment.get("words"))]
    has_speakers = any(speaker_of(part) for part in (*segments, *own)) or any("score" in word for word in own)
    is_openai = any(text_of(segment.get("type")) == "transcript.text.segment" for segment in segments)
    is_whisperx = "wordsegments" in root or (has_speakers and not is_openai)
    utterances = utterances_of_phrases(segments, guessed_unit(segments))
    return _transcript("whisperx" if is_whisperx else "whisper", utterances, _duration(root))


def _with_words(segments: list[Members], words: list[Members]) -> list[Members]:
    """Returns the segments with the words that begin before their ends."""
    whole: list[Members] = []
    position = 0
    for segment in segments:
        end = seconds(segment.get("end"))
        begin = position
        while (
            end is not None and position < len(words) and (seconds(words[position].get("start")) or 0) < end
        ):
            position += 1
        whole.append({**segment, "words": words[begin:position]})
    return whole


def _with_offsets(line: Members) -> Members:
    offsets = _member(line, "offsets") or {}
    return {**line, "start": offsets.get("from"), "end": offsets.get("to")}


def plain_utterances(root: Json) -> Transcript | None:
    """Reads Cara's own JSON of utterances, and what is like it: an array of phrases or of words."""
    found = root if isinstance(root, list) else _list_in(root)
    if isinstance(root, dict) and found is None:
        is_text = text_of(first(root, ["transcript", "transcription", "text"])) is not None
        return _transcript("utterances", utterances_of_phrases([root])) if is_text else None
    items = objects(found)
    if any({"word", "punctuatedword", "type"} & item.keys() and "words" not in item for item in items[:1]):
        utterances = list(utterances_of_words(words_of(items, guessed_unit(items))))
    else:
        utterances = utterances_of_phrases(_of_channels(items), guessed_unit(items))
    is_known = utterances or not found or any({*TEXTS, *WORDS} & item.keys() for item in items)
    return _transcript("utterances", utterances, _duration(root)) if is_known else None


_LISTS: Final = (
    "utterances", "monologues", "sentences", "segments", "phrases", "turns", "messages", "entries",
    "captions", "cues", "speakerblocks", "transcripts", "transcript", "transcription", "transcriptions", "conversation",
    "dialogue", "words", "results", "result", "data", "paragraphs", "items",
)  # fmt: skip


def _list_in(root: Members) -> list[Any] | None:
    lists = [root[name] for name in _LISTS if isinstance(root.get(name), list)]
    return next(filter(None, lists), lists[0] if lists else None)


def _transcript(
    format: TranscriptFormat, utterances: Iterable[Utterance], duration: float | None = None
) -> Transcript:
    return Transcript(format, tuple(in_time(list(utterances))), duration)


def _member(root: Json, name: str) -> Members | None:
    member = root.get(name) if isinstance(root, dict) else None
    return member if isinstance(member, dict) else None


def _first_object(value: Any) -> Members:
    return next(iter(objects(value)), {})


def _best(result: Members) -> Members:
    """Returns the first alternative, which is the likeliest."""
    return _first_object(result.get("alternatives"))


def _flat(items: Any) -> list[Members]:
    return [{**item, **_best(item)} for item in objects(items)]


def _of_channels(phrases: list[Members]) -> list[Members]:
    """Returns the phrases; if they are of several channels, each of these is a speaker."""
    channels = [first(phrase, _CHANNELS) for phrase in phrases]
    if len({label_of(channel) for channel in channels} - {None}) < 2:
        return phrases
    return [{**phrase, "speaker": channel} for phrase, channel in zip(phrases, channels, strict=True)]


def _duration(root: Json | None, unit: float = 1) -> float | None:
    """Returns the length of the recording, in seconds; `unit` is that of a number without one."""
    return time_of(root, DURATIONS, unit) if isinstance(root, dict) else None
