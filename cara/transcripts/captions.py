"""Captions: WebVTT and SubRip."""

from __future__ import annotations

from collections.abc import Sequence

from cara.transcripts.caption_speakers import spoken, with_names
from cara.transcripts.chevrons import GUESSED_NOTE
from cara.transcripts.credits import without_credits
from cara.transcripts.cues import Cue, srt_cues, webvtt_cues
from cara.transcripts.rolling import without_repeats
from cara.transcripts.utterances import Transcript, TranscriptFormat


def read_webvtt(text: str) -> Transcript | None:
    """Returns what was said in a WebVTT file; None if the text is none.

    Each utterance is what one speaker says in a cue, with the times of the cue. What captions that roll up
    repeat is there once. The words have times if the file has times between them.
    """
    return _transcript("webvtt", webvtt_cues(text))


def read_srt(text: str) -> Transcript | None:
    """Returns what was said in a SubRip file, as `read_webvtt` does; None if the text is none."""
    return _transcript("srt", srt_cues(text))


def _transcript(format: TranscriptFormat, cues: Sequence[Cue] | None) -> Transcript | None:
    if cues is None:
        return None
    utterances, guessed = spoken(without_repeats(with_names(without_credits(cues))))
    notes = (GUESSED_NOTE,) if guessed else ()
    return Transcript(format, utterances, speakers_guessed=guessed, notes=notes)
