"""Where recognizers that are services put phrases and words: a function for each, None for JSON of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cara.transcripts.json_names import KNOWN, MILLISECOND, TICK, names_in
from cara.transcripts.json_speakers import label_of, speaker_of
from cara.transcripts.json_times import duration_of, seconds
from cara.transcripts.json_units import guessed_unit
from cara.transcripts.json_utterances import (
    Json,
    read_as,
    utterances_of_channel,
    utterances_of_phrases,
    utterances_of_words,
    words_of,
)
from cara.transcripts.located_json import Members, first, member, objects
from cara.transcripts.utterances import Transcript, Utterance


def deepgram(root: Json) -> Transcript | None:
    """Reads the utterances of Deepgram, else the words of its channels, or what it sent while it listened."""
    if isinstance(root, list):
        return _of_deepgram_stream(objects(root))
    results = member(root, "results")
    if not {"utterances", "channels"} & results.keys():
        return None
    utterances = utterances_of_phrases(of_channels(objects(results.get("utterances"))))
    if not utterances:
        alternatives = [_best(channel) for channel in objects(results.get("channels"))]
        utterances = [said for one in _of_deepgram_channels(alternatives) for said in one]
    return read_as("deepgram", utterances, duration_of(member(root, "metadata")))


def _of_deepgram_stream(answers: list[Members]) -> Transcript | None:
    heard = [answer for answer in answers if "channel" in answer and answer.get("isfinal") is not False]
    bests = [_best(member(answer, "channel")) for answer in heard]
    if not any("transcript" in best for best in bests):
        return None
    return read_as("deepgram", utterances_of_phrases(bests))


def _of_deepgram_channels(alternatives: list[Members]) -> Iterator[Iterable[Utterance]]:
    """Yields the utterances of each channel; if there are several, each is a speaker."""
    for channel, best in enumerate(alternatives):
        words = words_of(best.get("words"))
        if len(alternatives) == 1:
            yield utterances_of_words(words) if words else _of_deepgram_sentences(best)
        elif words:
            yield utterances_of_channel(words, str(channel))
        else:
            yield (said._replace(speaker=str(channel)) for said in _of_deepgram_sentences(best))


def _of_deepgram_sentences(best: Members) -> list[Utterance]:
    sentences = [
        {**sentence, "speaker": paragraph.get("speaker")}
        for paragraph in objects(member(best, "paragraphs").get("paragraphs"))
        for sentence in objects(paragraph.get("sentences"))
    ]
    return utterances_of_phrases(sentences or [best])


def aws(root: Json) -> Transcript | None:
    """Reads the items of Amazon Transcribe, of each channel; else its audio segments, or its text."""
    results = member(root, "results")
    if not {"items", "transcripts", "audiosegments", "channellabels"} & results.keys():
        return None
    channels = objects(member(results, "channellabels").get("channels"))
    if len(channels) > 1:
        utterances = [said for channel in channels for said in _of_aws_channel(channel)]
    else:
        utterances = list(utterances_of_words(words_of(_aws_items(results))))
    if not utterances:
        further = objects(results.get("audiosegments")) or objects(results.get("transcripts"))
        utterances = utterances_of_phrases(further)
    return read_as("aws", utterances)


def _of_aws_channel(channel: Members) -> Iterator[Utterance]:
    words = words_of(_flat(channel.get("items")))
    return utterances_of_channel(words, label_of(channel.get("channellabel")))


def _aws_items(results: Members) -> list[Members]:
    """Returns the items; where they do not say whose they are, a table beside them does, by times."""
    speakers = {
        seconds(item.get("starttime")): item.get("speakerlabel") or segment.get("speakerlabel")
        for segment in objects(member(results, "speakerlabels").get("segments"))
        for item in objects(segment.get("items"))
    }
    items = _flat(results.get("items"))
    if not speakers:
        return items
    return [{"speakerlabel": speakers.get(seconds(item.get("starttime"))), **item} for item in items]


def azure(root: Json) -> Transcript | None:
    """Reads the phrases of Azure: of batch and fast transcription, and of results of its SDK."""
    if (found := _azure_phrases(root)) is None:
        return None
    phrases, unit = found
    flat = [{**phrase, **_without_times(_first_of(phrase.get("nbest")))} for phrase in phrases]
    duration = duration_of(root, unit) if phrases != [root] else None
    return read_as("azure", utterances_of_phrases(of_channels(flat), unit), duration)


def _azure_phrases(root: Json) -> tuple[list[Members], float] | None:
    """Returns the phrases, and the unit of their times; None if it is no JSON of Azure."""
    of_sdk = [root] if isinstance(root, dict) else objects(root)
    if any({"nbest", "displaytext"} & phrase.keys() for phrase in of_sdk[:1]):
        return of_sdk, TICK
    if isinstance(root, list):
        return None
    if "combinedphrases" in root:
        return objects(root.get("phrases")) or objects(root["combinedphrases"]), MILLISECOND
    names = ("recognizedphrases", "segmentresults", "combinedrecognizedphrases")
    if root.keys().isdisjoint(names):
        return None
    return next((found for name in names if (found := objects(root.get(name)))), []), TICK


def _without_times(best: Members) -> Members:
    names = names_in(best)
    return {name: best[name] for name in (*names.texts, *names.words, *names.speakers)}


def google(root: Json) -> Transcript | None:
    """Reads the results of Google Speech-to-Text v1 and v2."""
    results = objects(root.get("results")) if isinstance(root, dict) else []
    of_channel: dict[str | None, list[Members]] = {}
    for result in results:
        channel = first(result, KNOWN.channels)
        words = [_without_tag_0(word) for word in objects(_best(result).get("words"))]
        phrase = {**_best(result), "words": words, "channel": channel}
        of_channel.setdefault(label_of(channel), []).append(phrase)
    if not any(
        phrase["words"] or "transcript" in phrase for channel in of_channel.values() for phrase in channel
    ):
        return None
    phrases = [phrase for channel in of_channel.values() for phrase in _without_repetition(channel)]
    return read_as("google", utterances_of_phrases(of_channels(phrases)))


def _without_tag_0(word: Members) -> Members:
    """Returns the word; 0 is how Google says that it does not know whose it is."""
    return {**word, "speakertag": None} if word.get("speakertag") == 0 else word


def _without_repetition(results: list[Members]) -> list[Members]:
    """Returns the results; the last one alone if it says all words once more, and whose they are."""
    *before, last = [result["words"] for result in results]
    if not before or not any(map(speaker_of, last)):
        return results
    earlier = [word for words in before for word in words]
    repeats = len(last) >= len(earlier) and not any(map(speaker_of, earlier))
    return results[-1:] if repeats or _begins_with(last, before[0]) else results


def _begins_with(words: list[Members], beginning: list[Members]) -> bool:
    pairs = list(zip(words_of(words[: len(beginning)]), words_of(beginning), strict=False))
    return bool(pairs) and all(
        one.text.text == other.text.text and one.start == other.start for one, other in pairs
    )


def speechmatics(root: Json) -> Transcript | None:
    """Reads the words of Speechmatics."""
    results = objects(root.get("results")) if isinstance(root, dict) else []
    if not any("content" in _best(result) for result in results):
        return None
    return read_as(
        "utterances", utterances_of_words(words_of(_flat(results))), duration_of(member(root, "job"))
    )


def assemblyai(root: Json) -> Transcript | None:
    """Reads what is AssemblyAI's by its own members, or by times in milliseconds."""
    if not isinstance(root, dict):
        return None
    marks = {"audiourl", "acousticmodel", "languagemodel", "audioduration", "speechmodel"}
    spoken = objects(root.get("utterances")) or objects(root.get("words"))
    is_own = marks & root.keys() or guessed_unit(spoken) == MILLISECOND
    return assemblyai_as_told(root) if is_own else None


def assemblyai_as_told(root: Json) -> Transcript | None:
    """Reads the utterances of AssemblyAI, else its sentences, its paragraphs, or its text."""
    if isinstance(root, list):
        return read_as("assemblyai", utterances_of_phrases(objects(root), MILLISECOND))
    names = ("utterances", "sentences", "paragraphs")
    if root.keys().isdisjoint((*names, "words", "text")):
        return None
    phrases = next((found for name in names if (found := objects(root.get(name)))), [root])
    return read_as("assemblyai", utterances_of_phrases(phrases, MILLISECOND), duration_of(root))


def of_channels(phrases: list[Members]) -> list[Members]:
    """Returns the phrases; if they are of several channels, each of these is a speaker."""
    channels = [first(phrase, KNOWN.channels) for phrase in phrases]
    if len({label_of(channel) for channel in channels} - {None}) < 2:
        return phrases
    return [{**phrase, "speaker": channel} for phrase, channel in zip(phrases, channels, strict=True)]


def _first_of(value: Any) -> Members:
    """Returns the first of several alternatives, which is the likeliest."""
    return next(iter(objects(value)), {})


def _best(result: Members) -> Members:
    return _first_of(result.get("alternatives"))


def _flat(items: Any) -> list[Members]:
    return [{**item, **_best(item)} for item in objects(items)]
