"""What the HTTP benchmark found, as Markdown and as a plot (needs matplotlib: the extra `bench`)."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bench.http_cells import Cell
from bench.http_contenders import Contender, Start
from bench.load import Measured
from bench.report import replace_section
from bench.system import percentile

Results = dict[str, dict[str, list[Measured]]]
"""By cell and contender: one for each round."""

MOST_SHARED = 0.05
COLORS = {"cara": "#c44e52", "floor": "#8c8c8c", "fastapi": "#4c72b0", "express": "#55a868"}


def markdown(
    cells: Sequence[Cell], contenders: Sequence[Contender], results: Results, starts: Sequence[Start]
) -> str:
    parts = [_rates(cells, contenders, results)]
    if contenders[0].name == "cara" and len(contenders) > 1:
        parts.append(_ratios(cells, contenders, results))
    parts += [_details(cells, contenders, results), _starts(starts) + _load(results) + _disturbance(results)]
    return "\n\n".join(parts)


def _rates(cells: Sequence[Cell], contenders: Sequence[Contender], results: Results) -> str:
    lines = [_row(["requests/s (CPU ms a request)", *(each.title for each in contenders)])]
    lines.append("|---|" + "--:|" * len(contenders))
    for cell in cells:
        figures = [_rate(results[cell.name].get(each.name, [])) for each in contenders]
        lines.append(_row([f"`{cell.title}`", *figures]))
    return "\n".join(lines)


def _rate(rounds: list[Measured]) -> str:
    if not rounds:
        return "–"
    return f"{median(one.per_second for one in rounds):,.0f} ({median(one.cpu_ms for one in rounds):.3f})"


def _ratios(cells: Sequence[Cell], contenders: Sequence[Contender], results: Results) -> str:
    others = contenders[1:]
    lines = [_row(["Cara's requests/s ÷ theirs (CPU)", *(each.title for each in others)])]
    lines.append("|---|" + "--:|" * len(others))
    for cell in cells:
        of_cell = results[cell.name]
        figures = [_ratio(of_cell["cara"], of_cell.get(each.name, [])) for each in others]
        lines.append(_row([f"`{cell.title}`", *figures]))
    return "\n".join(lines)


def _ratio(cara: list[Measured], other: list[Measured]) -> str:
    """The medians of the ratios of each round."""
    if not other:
        return "–"
    pairs = list(zip(cara, other, strict=True))
    rates = median(mine.per_second / theirs.per_second for mine, theirs in pairs)
    return f"{rates:.2f} ({median(theirs.cpu_ms / mine.cpu_ms for mine, theirs in pairs):.2f})"


def _details(cells: Sequence[Cell], contenders: Sequence[Contender], results: Results) -> str:
    heads = [
        "",
        "",
        "requests/s from – to",
        "CPU ms from – to",
        "p50 / p99 ms",
        "server's core",
        "other core",
    ]
    lines = [_row(heads), "|---|---|" + "--:|" * 5]
    for cell in cells:
        name = f"`{cell.title}`"
        for contender in contenders:
            if rounds := results[cell.name].get(contender.name):
                lines.append(_row([name, contender.title, *_detail(rounds)]))
                name = ""
    return "\n".join(lines)


def _detail(rounds: list[Measured]) -> list[str]:
    latencies = [each for one in rounds for each in one.milliseconds]
    busy = median(one.server_cpu / one.seconds for one in rounds)
    return [
        _range(rounds, lambda one: one.per_second, ",.0f"),
        _range(rounds, lambda one: one.cpu_ms, ".3f"),
        f"{percentile(latencies, 50):.1f} / {percentile(latencies, 99):.1f}",
        f"{busy:.0%}",
        f"{median(one.core_busy for one in rounds):.0%}",
    ]


def _range(rounds: list[Measured], value: Callable[[Measured], float], form: str) -> str:
    values = sorted(map(value, rounds))
    return f"{values[0]:{form}} – {values[-1]:{form}}"


def _starts(starts: Sequence[Start]) -> str:
    seconds = sorted(each.seconds for each in starts)
    memory = median(each.memory_mib for each in starts)
    return (
        f"`cara serve` answers `/health` {median(seconds):.2f} s after its start on that core "
        f"({seconds[0]:.2f} – {seconds[-1]:.2f} s), and holds {memory:.0f} MiB then. "
        f"Python {platform.python_version()}."
    )


def _load(results: Results) -> str:
    costs = [1_000 * one.load_cpu / one.requests for one in _all(results)]
    return f" The load itself takes {median(costs):.3f} ms of its core a request (median)."


def _all(results: Results) -> list[Measured]:
    return [one for of_cell in results.values() for rounds in of_cell.values() for one in rounds]


def _disturbance(results: Results) -> str:
    """Returns a warning if other processes of the machine took a part of the server's core."""
    shares = [one.server_core_shared for one in _all(results)]
    if median(shares) <= MOST_SHARED:
        return ""
    return (
        f" **Other processes took {median(shares):.0%} of the server's core (median): "
        "the requests a second are not those of a core.**"
    )


def _row(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def write(
    text: str, cells: Sequence[Cell], contenders: Sequence[Contender], results: Results, folder: Path
) -> None:
    """Puts the figures and the plot into the documentation."""
    plot(folder / "http.svg", cells, contenders, results)
    picture = "![Requests a second of each contender, cell by cell](http.svg)"
    replace_section(folder / "benchmarks.md", "http", f"{text}\n\n{picture}")


def plot(path: Path, cells: Sequence[Cell], contenders: Sequence[Contender], results: Results) -> None:
    """Draws one small chart of horizontal bars for each cell."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "cara"
    figure, places = pyplot.subplots(
        (len(cells) + 1) // 2, 2, figsize=(11, 7.5), layout="constrained", squeeze=False
    )
    for place in places.flat[len(cells) :]:
        place.axis("off")
    for cell, place in zip(cells, places.flat, strict=False):
        found = [each for each in contenders if each.name in results[cell.name]]
        rates = [median(one.per_second for one in results[cell.name][each.name]) for each in found]
        costs = [median(one.cpu_ms for one in results[cell.name][each.name]) for each in found]
        bars = place.barh([each.title for each in found], rates, color=[COLORS[each.name] for each in found])
        labels = [f"{rate:,.0f}/s, {cost:.2f} ms CPU" for rate, cost in zip(rates, costs, strict=True)]
        place.bar_label(bars, labels, padding=4)
        place.margins(x=0.4)
        place.invert_yaxis()
        place.set_title(cell.title, loc="left", fontsize=10)
        place.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
