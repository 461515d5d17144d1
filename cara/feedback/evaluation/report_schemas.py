"""The report of an evaluation, as it is written as JSON."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Agreement(_Part):
    """Of one score with its labels, over the talks: Spearman's rho, and the mean absolute difference."""

    talks: int
    spearman: float | None
    mean_absolute_difference: float | None


class Spread(_Part):
    """The standard deviation of repeated judgements of one talk: pooled over the talks, and the largest."""

    talks: int
    pooled: float | None
    largest: float | None


class Quotes(_Part):
    """Passages that the judge quoted, and how many of them the learner said."""

    given: int
    true: int
    share: float | None


class Shift(_Part):
    """By how much a number changed: the mean, and the change that is the largest either way.

    `lost` counts the talks in which it could not be measured any more.
    """

    talks: int
    mean: float | None
    largest: float | None
    lost: int

    @property
    def moved(self) -> bool:
        """Whether anything has changed in any talk."""
        return bool(self.largest or self.lost)


class Disturbance(_Part):
    """What an attack or a noise did: to what is measured, in all talks, and to the scores of those judged.

    `of_the_words` are measures that other words change by being other words.
    """

    name: str
    measured: dict[str, Shift]
    of_the_words: dict[str, Shift]
    scores: dict[str, Shift]


class TalkScores(_Part):
    """One talk: its labels, and the mean of its judgements."""

    file: str
    judgements: int
    labels: dict[str, float]
    scores: dict[str, float]


class FailedJudgement(_Part):
    """A judgement that could not be had."""

    of: str
    reason: str


class Report(_Part):
    """An evaluation as a whole. Without judgements there are no scores, but all that is measured.

    `untried` judgements were given up after too many failures in a row.
    """

    model: str
    prompt_version: str
    times: int
    seed: int
    judgements: int
    untried: int
    tokens: int
    agreement: dict[str, Agreement]
    spread: dict[str, Spread]
    quotes: Quotes
    attacks: list[Disturbance]
    noise: list[Disturbance]
    talks: list[TalkScores]
    failures: list[FailedJudgement]
