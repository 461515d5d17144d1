"""Whether a soak stayed flat: the trend of memory, and latency, files and connections late against early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median

from bench.report import replace_section

MOST_GROWTH_KIB = 1_024
"""By the trend of the second half; the noise of an allocator is less over ten minutes."""

MOST_P99_RATIO = 1.25
FEWEST_SAMPLES = 8


@dataclass(frozen=True)
class Sample:
    """Some seconds of the load, and the processes behind them."""

    minutes: float
    per_second: float
    p50_ms: float
    p99_ms: float
    web_kib: float
    worker_kib: float
    web_files: int
    worker_files: int
    database_connections: int


@dataclass(frozen=True)
class Verdict:
    """Trends of memory over the second half, in KiB a minute; the last quarter against the second one."""

    half_minutes: float
    web_kib_per_minute: float
    worker_kib_per_minute: float
    p50_ratio: float
    p99_ratio: float
    more_files: int
    more_connections: int

    @property
    def is_flat(self) -> bool:
        steepest = max(self.web_kib_per_minute, self.worker_kib_per_minute)
        return (
            steepest * self.half_minutes <= MOST_GROWTH_KIB
            and self.p99_ratio <= MOST_P99_RATIO
            and self.more_files <= 0
            and self.more_connections <= 0
        )


def verdict(samples: Sequence[Sample]) -> Verdict:
    """Compares the late samples with the early ones; the first quarter, in which caches fill, is left out.

    Raises:
        ValueError: there are too few samples for quarters.
    """
    if len(samples) < FEWEST_SAMPLES:
        raise ValueError(f"{len(samples)} samples are too few: a verdict needs {FEWEST_SAMPLES}")
    half, quarter = samples[len(samples) // 2 :], len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    return Verdict(
        half_minutes=half[-1].minutes - half[0].minutes,
        web_kib_per_minute=_slope(half, lambda each: each.web_kib),
        worker_kib_per_minute=_slope(half, lambda each: each.worker_kib),
        p50_ratio=_middle(last, lambda each: each.p50_ms) / _middle(second, lambda each: each.p50_ms),
        p99_ratio=_middle(last, lambda each: each.p99_ms) / _middle(second, lambda each: each.p99_ms),
        more_files=_more(second, last, lambda each: each.web_files + each.worker_files),
        more_connections=_more(second, last, lambda each: each.database_connections),
    )


def _slope(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return linear_regression([each.minutes for each in samples], [value(each) for each in samples]).slope


def _middle(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return median(map(value, samples))


def _more(early: Sequence[Sample], late: Sequence[Sample], value: Callable[[Sample], int]) -> int:
    """Returns how many more the fewest are: what is open at a moment comes and goes, what leaks stays."""
    return min(map(value, late)) - min(map(value, early))


def markdown(samples: Sequence[Sample], found: Verdict) -> str:
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    rows: list[tuple[str, Callable[[Sample], float], str]] = [
        ("requests/s", lambda each: each.per_second, ".0f"),
        ("p50 ms", lambda each: each.p50_ms, ".2f"),
        ("p99 ms", lambda each: each.p99_ms, ".2f"),
        ("memory of the web process, MiB", lambda each: each.web_kib / 1024, ".1f"),
        ("memory of the worker, MiB", lambda each: each.worker_kib / 1024, ".1f"),
        ("open files of the web process", lambda each: each.web_files, ".0f"),
        ("open files of the worker", lambda each: each.worker_files, ".0f"),
        ("connections to PostgreSQL", lambda each: each.database_connections, ".0f"),
    ]
    lines = [
        f"| {samples[-1].minutes:.0f} minutes, medians | second quarter | last quarter |",
        "|---|--:|--:|",
    ]
    for name, value, form in rows:
        lines.append(f"| {name} | {_middle(second, value):{form}} | {_middle(last, value):{form}} |")
    return "\n".join(lines) + f"\n\n{_sentence(found)}"


def _sentence(found: Verdict) -> str:
    web, worker = found.web_kib_per_minute, found.worker_kib_per_minute
    return (
        f"{'Flat' if found.is_flat else 'Not flat'}: over the second half memory grows by "
        f"{web:+.0f} KiB a minute (web) and {worker:+.0f} (worker); p99 of the last quarter is "
        f"{found.p99_ratio:.2f} times that of the second, p50 {found.p50_ratio:.2f}; "
        f"open files {found.more_files:+d}, connections to PostgreSQL {found.more_connections:+d}."
    )


def write(text: str, samples: Sequence[Sample], folder: Path) -> None:
    """Puts the figures and the plot into the documentation."""
    plot(folder / "soak.svg", samples)
    picture = "![Memory, latency, open files and connections over the minutes of the run](soak.svg)"
    replace_section(folder / "benchmarks.md", "soak", f"{text}\n\n{picture}")


def plot(path: Path, samples: Sequence[Sample]) -> None:
    """Draws memory, latency, and what is open, one below the other (needs matplotlib: the extra `bench`)."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "cara"
    figure, places = pyplot.subplots(3, 1, figsize=(10, 8), sharex=True, layout="constrained")
    charts: list[tuple[str, dict[str, Callable[[Sample], float]]]] = [
        ("MiB", {"web": lambda each: each.web_kib / 1024, "worker": lambda each: each.worker_kib / 1024}),
        ("ms", {"p50": lambda each: each.p50_ms, "p99": lambda each: each.p99_ms}),
        (
            "open",
            {
                "files of the web process": lambda each: each.web_files,
                "files of the worker": lambda each: each.worker_files,
                "connections to PostgreSQL": lambda each: each.database_connections,
            },
        ),
    ]
    for place, (unit, lines) in zip(places, charts, strict=True):
        for name, value in lines.items():
            place.plot([each.minutes for each in samples], [value(each) for each in samples], label=name)
        place.set(ylabel=unit, ylim=(0, None))
        place.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        place.spines[["top", "right"]].set_visible(False)
    places[-1].set_xlabel("minutes")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
