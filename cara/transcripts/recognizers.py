"""JSON of speech recognizers, and Cara's own JSON of utterances."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from cara.transcripts import cloud_recognizers as clouds
from cara.transcripts import whispers
from cara.transcripts.footers import is_credit
from cara.transcripts.json_speakers import tells_speakers
from cara.transcripts.json_utterances import Json
from cara.transcripts.located_json import NestedTooDeeply, parse_located
from cara.transcripts.utterances import Transcript, TranscriptFormat, UnreadableTranscript
from cara.transcripts.word_tables import soniox, watson

_Reader = Callable[[Json], Transcript | None]

_READERS: Final[tuple[_Reader, ...]] = (
    clouds.deepgram, clouds.aws, clouds.azure, watson, clouds.google, clouds.speechmatics, soniox,
    clouds.assemblyai, whispers.whisper, whispers.plain_utterances,
)  # fmt: skip
"""In this order: what any JSON of phrases is, is asked last."""

_READERS_OF: Final[dict[TranscriptFormat, tuple[_Reader, ...]]] = {
    "deepgram": (clouds.deepgram,),
    "aws": (clouds.aws,),
    "azure": (clouds.azure,),
    "google": (clouds.google,),
    "assemblyai": (clouds.assemblyai_as_told,),
    "whisper": (whispers.whisper_as_told,),
    "whisperx": (whispers.whisper_as_told,),
    "utterances": (clouds.speechmatics, soniox, watson, whispers.plain_utterances),
}

_ENVELOPES: Final = (
    "response", "result", "results", "output", "data", "transcript", "transcription", "inlineresult", "body",
    "payload", "audiofileresults", "call", "message", "artifact", "videos", "insights",
)  # fmt: skip
"""Members in which interfaces, queues and web hooks wrap what a recognizer returned."""
_MOST_ENVELOPES: Final = 6
_FEWEST_MEMBERS: Final = 3
_JSON_BEGINS: Final = re.compile(
    r"[\s\ufeff]*+(?:```(?:json)?\s*+)?"
    r"(?:\{\s*+[\"}]|(?:\[\s*+)++(?:\{\s*+[\"}]|[\"\]\d-]|(?:true|false|null)\b))"
)
_AN_OBJECT_BEGINS: Final = re.compile(r'[\s\ufeff]*+(?:\[\s*+)?\{\s*+"[^"\\\n]{1,100}+"\s*+:')


def read_json(text: str, format: TranscriptFormat | None = None) -> Transcript | None:
    """Returns what was said in the JSON of a recognizer; None if the text is no JSON.

    `format` says which one it has; None finds out. None too, if it has another one; Whisper and WhisperX are
    read as each other.

    Raises:
        UnreadableTranscript: it is JSON of a kind that is not known, or broken, or nested too deeply; or it
            tells who speaks, in a way that is not known.
    """
    if not _JSON_BEGINS.match(text):
        return None
    try:
        root = parse_located(text)
    except NestedTooDeeply:
        if format is None and not (_is_broken_json(text) or text.rstrip("` \t\r\n").endswith(("]", "}"))):
            return None  # a text that begins with many brackets
        raise UnreadableTranscript("is JSON with too many levels") from None
    if root is None and format is None and _is_broken_json(text):
        raise UnreadableTranscript("is broken JSON")
    if root is None:
        return None
    readers = _READERS if format is None else _READERS_OF.get(format, ())
    if transcript := _read(root, readers):
        return _without_footer(transcript)
    if format is None:
        raise UnreadableTranscript("is JSON of a kind that is not known")
    return None


def _read(root: Json, readers: tuple[_Reader, ...]) -> Transcript | None:
    """Returns the first reading; if it has no speakers, but the JSON tells some, the first one that has."""
    has_lost_speakers = False
    found = (said for wrapped in _unwrapped(root) for reader in readers if (said := reader(wrapped)))
    for transcript in found:
        if any(utterance.speaker for utterance in transcript.utterances):
            return transcript
        if not has_lost_speakers and not (transcript.utterances and tells_speakers(root)):
            return transcript
        has_lost_speakers = True
    if has_lost_speakers:
        raise UnreadableTranscript("is JSON that tells who speaks in a way that is not known")
    return None


def _without_footer(transcript: Transcript) -> Transcript:
    """Returns the transcript without credits at its end, which recognizers also hear in silence."""
    end = len(transcript.utterances)
    while end and is_credit(transcript.utterances[end - 1].text.text):
        end -= 1
    return replace(transcript, utterances=transcript.utterances[:end])


def _is_broken_json(text: str) -> bool:
    """Returns whether a text that is no JSON was some: a file that was cut off, say."""
    return _AN_OBJECT_BEGINS.match(text) is not None and text.count('":') >= _FEWEST_MEMBERS


def _unwrapped(root: Json) -> Iterator[Json]:
    """Yields the JSON, and what is in its envelopes."""
    wrapped: Json | None = root
    for _ in range(_MOST_ENVELOPES):
        if wrapped is None:
            return
        yield wrapped
        wrapped = _inside(wrapped)


def _inside(envelope: Json) -> Json | None:
    if isinstance(envelope, list):
        members = envelope if len(envelope) == 1 else []  # several would be several talks
    else:
        members = [
            value for name, value in envelope.items() if name in _ENVELOPES or name.startswith("gs://")
        ]
    return next((member for member in members if isinstance(member, dict | list)), None)
