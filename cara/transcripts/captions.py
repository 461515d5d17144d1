"""Captions: WebVTT and SubRip."""

from __future__ import annotations

from cara.transcripts.utterances import Transcript


def read_webvtt(text: str) -> Transcript | None:
    """Returns what was said in a WebVTT file; None if the text is none."""
    del text
    return None


def read_srt(text: str) -> Transcript | None:
    """Returns what was said in a SubRip file; None if the text is none."""
    del text
    return None
