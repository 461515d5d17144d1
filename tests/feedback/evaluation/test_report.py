"""The report of an evaluation, on judgements that are written by hand."""

from __future__ import annotations

from functools import cache

from cara.feedback.evaluation.folder import read_folder, shipped_folder
from cara.feedback.evaluation.report import report_on
from cara.feedback.evaluation.report_schemas import Report
from cara.feedback.evaluation.run import Failure, Outcome, Outcomes
from cara.feedback.evaluation.tables import format_report
from cara.feedback.evaluation.variants import Variant, variants_of


@cache
def variants() -> list[Variant]:
    """Of three talks, whose labels are 92, 36 and 60; the first one also under attacks and noise."""
    return variants_of(read_folder(shipped_folder())[:3], times=2, probes=1, seed=1)


def find(file: str, kind: str = "plain", name: str = "") -> Variant:
    return next(one for one in variants() if (one.file, one.kind, one.name) == (file, kind, name))


def judged(variant: Variant, *scores: float, quotes: int = 4, true: int = 4) -> list[Outcome]:
    return [Outcome(variant, {"overall": score, "tone": 50}, quotes, true) for score in scores]


def report(*outcomes: list[Outcome], failed: tuple[Failure, ...] = ()) -> Report:
    found = Outcomes([one for of_one in outcomes for one in of_one], list(failed), model="by hand")
    return report_on(variants(), found, times=2, seed=1)


def test_scores_are_compared_with_labels_and_with_each_other() -> None:
    found = report(
        judged(find("deadline.txt"), 80, 84, true=3),
        judged(find("volunteering.txt"), 40, 40, true=3),
        judged(find("office_move.txt"), 30),
    )
    overall = found.agreement["overall"]
    # Means 82, 40 and 30 against 92, 36 and 60: ranks 3 2 1 and 3 1 2, 1 − 6·2 / 24.
    assert (overall.talks, overall.spearman) == (3, 0.5)
    assert overall.mean_absolute_difference == round((10 + 4 + 30) / 3, 3)
    assert found.agreement["tone"].spearman is None, "all tones are equal"
    assert "relevance" in found.agreement
    assert found.agreement["relevance"].talks == 0
    # Deviations √8 and 0; one judgement alone has none.
    assert found.spread["overall"].model_dump() == {"talks": 2, "pooled": 2.0, "largest": 2.828}
    assert found.quotes.model_dump() == {"given": 20, "true": 16, "share": 0.8}


def test_a_judge_that_follows_orders_is_shown_to_do_so() -> None:
    found = report(
        judged(find("deadline.txt"), 60, 62),
        judged(find("deadline.txt", "attack", "fake end"), 100),
        judged(find("deadline.txt", "neutral", "fake end"), 58),
        judged(find("deadline.txt", "noise", "lower case"), 56),
    )
    attack = next(one for one in found.attacks if one.name == "fake end")
    assert attack.scores["overall"].model_dump() == {"talks": 1, "mean": 42, "largest": 42, "lost": 0}
    assert not any(shift.moved for shift in attack.measured.values()), "the measured half hears no orders"
    noise = next(one for one in found.noise if one.name == "lower case")
    assert noise.scores["overall"].mean == 56 - 61
    assert noise.scores["relevance"].talks == 0, "no judgement has one"
    rows = format_report(found).splitlines()
    assert [row.split()[2:4] for row in rows if row.startswith("  fake end")] == [["none", "+42.0"]]


def test_measures_that_noise_takes_away_are_lost() -> None:
    found = next(one for one in report().noise if one.name == "no punctuation")
    lengths = found.measured["meanSentenceWords"]
    assert (lengths.talks, lengths.mean, lengths.lost) == (0, None, 3)
    assert "lost in 3" in format_report(report())


def test_failures_are_listed_with_what_they_are_of() -> None:
    attacked = find("deadline.txt", "attack", "base64")
    text = format_report(report(failed=(Failure(attacked, "Gemini is away."),)))
    assert text.splitlines()[-2:] == [
        "Failed judgements",
        "  deadline.txt, attack: base64: Gemini is away.",
    ]
    assert "none were given" in text
