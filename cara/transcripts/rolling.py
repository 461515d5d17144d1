"""Captions that roll up: each cue repeats the lines that are still shown, and was said once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cara.transcripts.caption_markup import Part
from cara.transcripts.cues import Cue

_ROWS = 4
"""How many rows captions have that roll up, at most (CEA-608)."""

_INSTANT = 0.1
"""In so few seconds nobody says anything: YouTube puts cues of 10 ms between others."""

_ROLLING = 2
"""From so many cues on that begin with what is still shown and go on, a file is taken to roll up."""


def without_repeats(cues: Sequence[Cue]) -> list[Cue]:
    """Returns the cues without the lines that the cue directly before shows already.

    Repeated are the lines with which a cue begins, if those before it ended with them, and if the cue goes on
    after them, lasts an instant, has the times of the one before, or stands in a file that rolls up. What
    somebody says again in a cue of its own stays. An instant of repeats belongs to the cue before.
    """
    if not cues:
        return []
    rests = [_rest(before, cue) for before, cue in pairwise(cues)]
    rolls = sum(bool(rest) for rest in rests) >= _ROLLING
    kept = [cues[0]]
    for (before, cue), rest in zip(pairwise(cues), rests, strict=True):
        if rest is None:
            kept.append(cue)
        elif rest:
            kept.append(cue._replace(parts=rest))
        elif cue.end - cue.start <= _INSTANT:
            kept[-1] = _until(kept[-1], cue)
        elif not rolls and cue[:2] != before[:2]:
            kept.append(cue)
    return kept


def _until(cue: Cue, repeat: Cue) -> Cue:
    """Returns the cue, which lasts until the end of a repeat that follows at once."""
    return cue._replace(end=repeat.end) if 0 <= repeat.start - cue.end <= _INSTANT else cue


def _rest(before: Cue, cue: Cue) -> list[Part] | None:
    """Returns what a cue shows after the lines with which the one before ended; None if it begins anew."""
    old, new = before.parts[-1], cue.parts[0]
    if old.voice != new.voice or new.text.text.partition("\n")[0] not in old.text.text:
        return None
    shown = old.text.text.rsplit("\n", _ROWS)[-_ROWS:]
    lines = new.text.text.split("\n", _ROWS)[:_ROWS]
    if lines[0] not in shown:
        return None
    for count in range(min(len(shown), len(lines)), 0, -1):
        if shown[-count:] == lines[:count]:
            length = sum(map(len, lines[:count])) + count
            rest = new.text.slice(min(length, len(new.text.text)), len(new.text.text))
            return [*([new._replace(text=rest)] if rest.text else []), *cue.parts[1:]]
    return None
