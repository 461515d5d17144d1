"""Times that several speakers have together: two of them in one caption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, chain, groupby, pairwise

from cara.transcripts.stage_marks import blank_stage_marks
from cara.transcripts.utterances import Transcript, Utterance, speaker_key


def with_shared_times(transcript: Transcript) -> Transcript:
    """Returns the transcript; where neighbors of different speakers have the same start and end, each gets a
    part of the time by the letters of what is said, in their order.

    Utterances with times of words keep theirs.
    """
    groups = [list(group) for _, group in groupby(transcript.utterances, lambda utterance: utterance.span)]
    if not any(map(_is_shared, groups)):
        return transcript
    utterances = chain.from_iterable(_shared_out(group) if _is_shared(group) else group for group in groups)
    return replace(transcript, utterances=tuple(utterances), shares_times=True)


def _is_shared(group: Sequence[Utterance]) -> bool:
    if len(group) < 2 or group[0].span is None or any(utterance.words for utterance in group):
        return False
    return len({speaker_key(utterance.speaker) for utterance in group}) > 1


def _shared_out(group: Sequence[Utterance]) -> Iterator[Utterance]:
    start, end = group[0].span or (0.0, 0.0)
    letters = list(accumulate(map(_letters, group), initial=0))
    bounds = [round(start + (end - start) * told / max(1, letters[-1]), 3) for told in letters]
    for utterance, (begin, until) in zip(group, pairwise(bounds), strict=True):
        yield utterance._replace(start=begin, end=until)


def _letters(utterance: Utterance) -> int:
    return sum(map(str.isalnum, blank_stage_marks(utterance.text.text)))
