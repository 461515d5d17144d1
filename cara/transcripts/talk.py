"""A talk: a transcript of which it is known who of the speakers is the learner."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby

from cara.transcripts.reading import read_transcript
from cara.transcripts.speakers import learner_labels
from cara.transcripts.stage_marks import is_stage_mark
from cara.transcripts.utterances import Transcript, TranscriptFormat, Turn, Utterance, speaker_key, turns_of


@dataclass(frozen=True, slots=True)
class Talk:
    """The turns of a transcript, in order, and whose they are; what is measured, judged and quoted.

    `learners` are the labels of the learner, as `speaker_key` writes them. What the learner says under
    several labels (You and Me) with nobody between is one turn, with the first of them.
    """

    transcript: Transcript
    turns: tuple[Turn, ...]
    learners: frozenset[str | None]

    @property
    def own(self) -> list[Turn]:
        """The learner's turns."""
        return [turn for turn in self.turns if self.is_learners(turn)]

    @property
    def others(self) -> list[Turn]:
        """Everybody else's turns."""
        return [turn for turn in self.turns if not self.is_learners(turn)]

    @property
    def is_dialogue(self) -> bool:
        """Whether anybody but the learner speaks."""
        return any(not self.is_learners(turn) for turn in self.turns)

    @property
    def own_utterances(self) -> list[Utterance]:
        """What the learner says, without utterances of nothing but stage marks."""
        return [utterance for turn in self.own for utterance in spoken_utterances(turn)]

    @property
    def own_seconds(self) -> float | None:
        """How long the learner speaks, as `spoken_seconds` says; None unless all of it `has_times`."""
        return self.seconds_of(self.own_utterances)

    @property
    def others_seconds(self) -> float | None:
        """How long anybody else speaks, as `own_seconds` has it of the learner."""
        return self.seconds_of([utterance for turn in self.others for utterance in spoken_utterances(turn)])

    def is_learners(self, turn: Turn) -> bool:
        """Returns whether the turn is the learner's."""
        return speaker_key(turn.speaker) in self.learners

    def has_times(self, said: Collection[Utterance]) -> bool:
        """Returns whether all of the utterances have a start and an end, in one recording."""
        all_timed = all(utterance.span for utterance in said)
        return bool(said) and all_timed and not self.transcript.times_begin_anew

    def seconds_of(self, said: Collection[Utterance]) -> float | None:
        """Returns how long the utterances take, what overlaps counted once; None unless they `has_times`."""
        return (_seconds(said) or None) if self.has_times(said) else None


def talk_of(
    transcript: Transcript, *, learner_label: str | None = None, learner_name: str | None = None
) -> Talk:
    """Returns the talk of a transcript.

    Raises:
        LearnerUnknown: nothing says which of the speakers is the learner.
    """
    return talk_with(transcript, learner_labels(transcript, learner_label, learner_name))


def talk_with(transcript: Transcript, learners: Collection[str | None] | None) -> Talk:
    """Returns the talk of a transcript by the learner's labels; None is the only speaker, who has none."""
    labels: frozenset[str | None] = frozenset({None} if learners is None else learners)
    turns = turns_of(transcript.utterances)
    return Talk(transcript, tuple(_joined(turns, labels) if len(labels) > 1 else turns), labels)


def _joined(turns: Iterable[Turn], learners: frozenset[str | None]) -> Iterator[Turn]:
    for own, group in groupby(turns, lambda turn: speaker_key(turn.speaker) in learners):
        same = list(group)
        utterances = tuple(chain.from_iterable(turn.utterances for turn in same))
        yield from [Turn(same[0].speaker, utterances)] if own else same


def read_talk(
    text: str,
    *,
    format: TranscriptFormat | None = None,
    learner_label: str | None = None,
    learner_name: str | None = None,
) -> Talk:
    """Reads a transcript and returns its talk.

    Raises:
        UnreadableTranscript: the text does not have the format.
        LearnerUnknown: nothing says which of the speakers is the learner.
    """
    transcript = read_transcript(text, format)
    return talk_of(transcript, learner_label=learner_label, learner_name=learner_name)


def spoken_utterances(turn: Turn) -> Iterator[Utterance]:
    """Yields the utterances of a turn but those of nothing but stage marks."""
    return (utterance for utterance in turn.utterances if not is_stage_mark(utterance.text.text))


def spoken_seconds(turns: Iterable[Turn]) -> float | None:
    """Returns how long somebody speaks in the turns, by the times of their utterances; None without times.

    What overlaps counts once, and an utterance of nothing but stage marks not at all. Silence inside an
    utterance counts as speech: the source doesn't show it.
    """
    return _seconds(utterance for turn in turns for utterance in spoken_utterances(turn))


def _seconds(said: Iterable[Utterance]) -> float | None:
    times = sorted(span for utterance in said if (span := utterance.span))
    seconds, spoken_until = 0.0, 0.0
    for start, end in times:
        seconds += max(0.0, end - max(start, spoken_until))
        spoken_until = max(spoken_until, end)
    return round(seconds, 3) if times else None
