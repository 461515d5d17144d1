"""What an evaluation says: agreement with the labels, spread, quotes, and shifts under attacks and noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean, stdev
from typing import get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from cara.feedback.assessment import prompts
from cara.feedback.evaluation.agreement import mean_absolute_difference, pooled_deviation, spearman
from cara.feedback.evaluation.folder import ScoreName
from cara.feedback.evaluation.injections import INJECTION_NAMES
from cara.feedback.evaluation.noise import NOISES
from cara.feedback.evaluation.report_schemas import (
    Agreement,
    Disturbance,
    FailedJudgement,
    Quotes,
    Report,
    Shift,
    Spread,
    TalkScores,
)
from cara.feedback.evaluation.run import Outcomes
from cara.feedback.evaluation.variants import Kind, Variant

SCORES: tuple[ScoreName, ...] = get_args(ScoreName)

OF_THE_WORDS = frozenset({"readingEase", "vocabulary.value", "vocabulary.distinctWords"})
"""What other words change although they are as many: syllables and variety."""

Numbers = dict[str, float | None]


def report_on(variants: list[Variant], outcomes: Outcomes, *, times: int, seed: int) -> Report:
    """Returns what the outcomes of the variants say."""
    plain = [variant for variant in variants if variant.kind == "plain"]
    judged = _Scores(outcomes)
    return Report(
        model=outcomes.model,
        prompt_version=prompts.VERSION,
        times=times,
        seed=seed,
        judgements=len(outcomes.judged),
        untried=outcomes.untried,
        tokens=outcomes.tokens,
        agreement={name: _agreement(plain, judged, name) for name in SCORES if _is_labeled(plain, name)},
        spread={name: _spread(plain, judged, name) for name in SCORES},
        quotes=_quotes(outcomes),
        attacks=[_disturbance(variants, judged, name, "neutral", "attack") for name in INJECTION_NAMES],
        noise=[_disturbance(variants, judged, name, "plain", "noise") for name in NOISES],
        talks=[_talk_scores(variant, judged) for variant in plain],
        failures=[FailedJudgement(of=str(one.variant), reason=one.reason) for one in outcomes.failed],
    )


class _Scores:
    """The scores of variants, however often each was judged."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._scores: dict[tuple[str, Kind, str], list[dict[str, float]]] = defaultdict(list)
        for outcome in outcomes.judged:
            self._scores[_key(outcome.variant)].append(outcome.scores)

    def all(self, variant: Variant, score: str) -> list[float]:
        """Returns each score that the variant got."""
        return [scores[score] for scores in self._scores[_key(variant)] if score in scores]

    def means(self, variant: Variant) -> Numbers:
        """Returns the mean of each score that the variant got."""
        found = {name: self.all(variant, name) for name in SCORES}
        return {name: fmean(scores) if scores else None for name, scores in found.items()}


def _key(variant: Variant) -> tuple[str, Kind, str]:
    return variant.file, variant.kind, variant.name


def _is_labeled(plain: Iterable[Variant], score: ScoreName) -> bool:
    return any(score in variant.labeled.label.scores for variant in plain)


def _agreement(plain: list[Variant], judged: _Scores, score: ScoreName) -> Agreement:
    pairs = [
        (variant.labeled.label.scores[score], mean)
        for variant in plain
        if score in variant.labeled.label.scores
        if (mean := judged.means(variant)[score]) is not None
    ]
    labels, means = [label for label, _ in pairs], [mean for _, mean in pairs]
    return Agreement(
        talks=len(pairs),
        spearman=_rounded(spearman(labels, means)),
        mean_absolute_difference=_rounded(mean_absolute_difference(labels, means)),
    )


def _spread(plain: list[Variant], judged: _Scores, score: str) -> Spread:
    repeated = [values for variant in plain if len(values := judged.all(variant, score)) > 1]
    largest = max(map(stdev, repeated), default=None)
    return Spread(talks=len(repeated), pooled=_rounded(pooled_deviation(repeated)), largest=_rounded(largest))


def _quotes(outcomes: Outcomes) -> Quotes:
    given = sum(outcome.quotes for outcome in outcomes.judged)
    true = sum(outcome.true_quotes for outcome in outcomes.judged)
    return Quotes(given=given, true=true, share=_rounded(true / given) if given else None)


def _disturbance(
    variants: list[Variant], judged: _Scores, name: str, before: Kind, after: Kind
) -> Disturbance:
    """Compares each talk after the disturbance with the same talk before it."""
    # Talks as they are have no name: every noise is compared with them.
    undisturbed = {
        variant.file: variant for variant in variants if variant.kind == before and variant.name in ("", name)
    }
    pairs = [
        (undisturbed[variant.file], variant)
        for variant in variants
        if variant.kind == after and variant.name == name
    ]
    measured = _shifts([(numbers_of(one.measures), numbers_of(other.measures)) for one, other in pairs])
    return Disturbance(
        name=name,
        measured={name: shift for name, shift in measured.items() if name not in OF_THE_WORDS},
        of_the_words={name: shift for name, shift in measured.items() if name in OF_THE_WORDS},
        scores=_shifts([(judged.means(one), judged.means(other)) for one, other in pairs if other.times]),
    )


def _shifts(pairs: list[tuple[Numbers, Numbers]]) -> dict[str, Shift]:
    names = dict.fromkeys(name for before, _ in pairs for name in before)
    return {
        name: _shift([(before[name], after.get(name)) for before, after in pairs if name in before])
        for name in names
    }


def _shift(pairs: list[tuple[float | None, float | None]]) -> Shift:
    changes = [after - before for before, after in pairs if before is not None and after is not None]
    lost = sum(before is not None and after is None for before, after in pairs)
    mean, largest = (fmean(changes), max(changes, key=abs)) if changes else (None, None)
    return Shift(talks=len(changes), mean=_rounded(mean), largest=_rounded(largest), lost=lost)


def numbers_of(measures: BaseModel) -> Numbers:
    """Returns every number in the measures by its path in JSON, such as `fillers.perHundredWords`.

    Counts by word or phrase, texts and lists are left out.
    """
    return dict(_numbers(measures))


def _numbers(model: BaseModel) -> Iterator[tuple[str, float | None]]:
    for name in type(model).model_fields:
        value, path = getattr(model, name), to_camel(name)
        if isinstance(value, BaseModel):
            yield from ((f"{path}.{inner}", number) for inner, number in _numbers(value))
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield path, value


def _talk_scores(variant: Variant, judged: _Scores) -> TalkScores:
    means: Mapping[str, float | None] = judged.means(variant)
    return TalkScores(
        file=variant.file,
        judgements=len(judged.all(variant, "overall")),
        labels={**variant.labeled.label.scores},
        scores={name: round(mean, 1) for name, mean in means.items() if mean is not None},
    )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3) + 0.0
