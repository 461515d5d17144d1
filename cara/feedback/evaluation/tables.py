"""The report of an evaluation as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cara.feedback.evaluation.report import SCORES
from cara.feedback.evaluation.report_schemas import Disturbance, Report, Shift

_NONE = "–"


def format_report(report: Report) -> str:
    """Returns the report in tables, for people."""
    return "\n".join(
        [
            _heading(report),
            *_section("Talks: overall score", _talks(report)),
            *_section(
                "Scores: agreement with the labels, and spread of repeated judgements", _scores(report)
            ),
            *_section("Quotes", [[_quotes(report)]]),
            *_section("Attacks: shift against neutral words in their place", _attacks(report)),
            *_section("Noise: mean shift (largest)", _noise(report)),
            *_section("Failed judgements", _failures(report)),
        ]
    )


def _heading(report: Report) -> str:
    often = "once" if report.times == 1 else f"{report.times} times"
    return (
        f"{report.model or 'no model'} judged {len(report.talks)} talks {often}, with prompt "
        f"{report.prompt_version}: {report.judgements:,} judgements in all, {report.tokens:,} tokens"
    )


def _section(title: str, rows: Sequence[Sequence[str]]) -> list[str]:
    return ["", title, *_aligned(rows)] if rows else []


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields the rows with their columns below each other: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join(["", first.ljust(widths[0]), *cells]).rstrip()


def _talks(report: Report) -> list[list[str]]:
    rows = [
        [talk.file, _number(talk.labels.get("overall"), ".0f"), _number(talk.scores.get("overall"), ".1f")]
        for talk in report.talks
    ]
    return [["", "label", "judged"], *rows]


def _scores(report: Report) -> list[list[str]]:
    rows = [["", "labeled", "Spearman", "mean difference", "deviation", "largest"]]
    for name in SCORES:
        agreement, spread = report.agreement.get(name), report.spread[name]
        told = ["0", _NONE, _NONE]
        if agreement:
            difference = _number(agreement.mean_absolute_difference, ".1f")
            told = [str(agreement.talks), _number(agreement.spearman, ".2f"), difference]
        rows.append([name, *told, _number(spread.pooled, ".1f"), _number(spread.largest, ".1f")])
    return rows


def _quotes(report: Report) -> str:
    quotes = report.quotes
    if quotes.share is None:
        return "none were given"
    return f"{quotes.true} of {quotes.given} ({quotes.share:.1%}) stand in the learner's words"


def _attacks(report: Report) -> list[list[str]]:
    rows = [["", "measured numbers that shift", *SCORES, "largest"]]
    for attack in report.attacks:
        scores = [attack.scores.get(name) for name in SCORES]
        largest = max((shift.largest for shift in scores if shift and shift.largest), key=abs, default=None)
        means = [_number(shift.mean if shift else None, "+.1f") for shift in scores]
        rows.append([attack.name, ", ".join(_moved(attack)) or "none", *means, _number(largest, "+.0f")])
    return rows


def _moved(disturbance: Disturbance) -> list[str]:
    return [name for name, shift in disturbance.measured.items() if shift.moved]


def _noise(report: Report) -> list[list[str]]:
    shifts = [{**one.scores, **one.measured, **one.of_the_words} for one in report.noise]
    rows = [
        [name, *(_shift(found.get(name)) for found in shifts)]
        for name in dict.fromkeys(name for found in shifts for name in found)
        if any(name in found and found[name].moved for found in shifts)
    ]
    return [["", *(one.name for one in report.noise)], *rows]


def _shift(shift: Shift | None) -> str:
    told = []
    if shift and shift.talks:
        told.append(f"{shift.mean:+.3g} ({shift.largest:+.3g})" if shift.largest else "0")
    if shift and shift.lost:
        told.append(f"lost in {shift.lost}")
    return ", ".join(told) or _NONE


def _failures(report: Report) -> list[list[str]]:
    rows = [[f"{one.of}: {one.reason}"] for one in report.failures]
    return [*rows, [f"given up then: {report.untried} more"]] if report.untried else rows


def _number(number: float | None, form: str) -> str:
    return _NONE if number is None else format(number, form)
