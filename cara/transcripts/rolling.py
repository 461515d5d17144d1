"""Captions that roll up: each cue repeats the lines that are still shown, and was said once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cara.transcripts.caption_markup import Line
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
    somebody says again in a cue of its own stays.
    """
    if not cues:
        return []
    repeated = [0, *(_repeated(before.lines, cue.lines) for before, cue in pairwise(cues))]
    goes_on = sum(0 < again < len(cue.lines) for again, cue in zip(repeated, cues, strict=True))
    first, *others = cues
    kept = [first]
    for before, cue, again in zip(cues, others, repeated[1:], strict=False):
        if again < len(cue.lines):
            kept.append(cue._replace(lines=cue.lines[again:]) if again else cue)
        elif goes_on < _ROLLING and cue.end - cue.start > _INSTANT and cue[:2] != before[:2]:
            kept.append(cue)
    return kept


def _repeated(before: Sequence[Line], lines: Sequence[Line]) -> int:
    """Returns how many lines at the end of one cue begin the next one."""
    for count in range(min(len(before), len(lines), _ROWS), 0, -1):
        if all(
            old.text.text == new.text.text and old.voice == new.voice
            for old, new in zip(before[-count:], lines, strict=False)
        ):
            return count
    return 0
