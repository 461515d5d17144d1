"""The figures as tables in Markdown, and as a plot (needs matplotlib: the extra `bench`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.analytics_load import Outcome
from bench.system import percentile


@dataclass(frozen=True)
class Size:
    """What was measured with so many events in the tables."""

    events: int
    folded_rows_per_second: float
    rebuild_seconds: float
    bytes_per_event: float
    rollup_bytes_per_event: float
    latencies_ms: dict[str, list[float]]
    latencies_beside_ms: dict[str, list[float]]
    """Of the same reads in turns with these, where the number of events is the smallest."""

    def growth(self, name: str, percent: float) -> float:
        """How many times longer the read takes than the same one beside the smallest number of events."""
        beside = percentile(self.latencies_beside_ms[name], percent)
        return percentile(self.latencies_ms[name], percent) / beside


@dataclass
class Report:
    """Everything that one run measured."""

    outcomes: list[Outcome] = field(default_factory=list)
    copy_events_per_second: float = 0.0
    staleness_seconds: list[float] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)

    def print(self) -> None:
        if self.outcomes:
            self._print_ingestion()
        if self.staleness_seconds:
            worst = max(self.staleness_seconds)
            print(f"\nAge of `asOf` under this load: p50 {percentile(self.staleness_seconds, 50):.2f} s, "
                  f"p99 {percentile(self.staleness_seconds, 99):.2f} s, worst {worst:.2f} s")  # fmt: skip
        if self.sizes:
            self._print_sizes()

    def _print_ingestion(self) -> None:
        print("\n| writing | events/s | of COPY | p50 ms | p99 ms | web CPU ms/event | refused |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for outcome in self.outcomes:
            share = outcome.events_per_second / self.copy_events_per_second
            print(
                f"| {outcome.name} | {outcome.events_per_second:,.0f} | {share:.0%} "
                f"| {percentile(outcome.latencies_ms, 50):.1f} | {percentile(outcome.latencies_ms, 99):.1f} "
                f"| {outcome.cpu_ms_per_event:.2f} | {outcome.refused} |"
            )
        print(f"| bare COPY, 1,000 rows a commit | {self.copy_events_per_second:,.0f} | 100% | | | | |")

    def _print_sizes(self) -> None:
        names = list(self.sizes[0].latencies_ms)
        heads = "".join(f" {name} p50 / p99 ms |" for name in names)
        print(f"\n| events |{heads} folded rows/s | rebuild s | bytes/event | of roll-ups |")
        print("|--:|" + "--:|" * (len(names) + 4))
        for size in self.sizes:
            latencies = [size.latencies_ms[name] for name in names]
            cells = "".join(f" {percentile(ms, 50):.2f} / {percentile(ms, 99):.2f} |" for ms in latencies)
            print(
                f"| {size.events:,} |{cells} {size.folded_rows_per_second:,.0f} | {size.rebuild_seconds:.1f} "
                f"| {size.bytes_per_event:.0f} | {size.rollup_bytes_per_event:.0f} |"
            )
        print(f"\n| times that beside {self.sizes[0].events:,} |{heads.replace(' ms', '')}")
        print("|--:|" + "--:|" * len(names))
        for size in self.sizes:
            cells = "".join(f" {size.growth(name, 50):.2f} / {size.growth(name, 99):.2f} |" for name in names)
            print(f"| {size.events:,} |{cells}")

    def plot(self, path: Path) -> None:
        """Writes a picture in the format of the file's ending."""
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 4), layout="constrained")
        labels = [outcome.name for outcome in self.outcomes] + ["bare COPY"]
        rates = [outcome.events_per_second for outcome in self.outcomes] + [self.copy_events_per_second]
        bars = left.barh(labels, rates, color="#4c72b0")
        left.bar_label(bars, fmt="{:,.0f}", padding=3)
        left.margins(x=0.2)
        left.invert_yaxis()
        left.set_title("durable events a second, one web process")
        for name in self.sizes[0].latencies_ms if self.sizes else ():
            for percent, style in ((50, "-o"), (99, "--o")):
                values = [percentile(size.latencies_ms[name], percent) for size in self.sizes]
                label = f"{name}, p{percent}"
                right.plot([size.events for size in self.sizes], values, style, label=label)
        right.set(xscale="log", xlabel="events stored", ylabel="ms", ylim=(0, None))
        right.set_title("reading")
        if self.sizes:
            right.legend(loc="upper left", bbox_to_anchor=(1, 1))
        figure.savefig(path)
