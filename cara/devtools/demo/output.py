"""Printing feedback at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cara.devtools.demo.talks import Talk

BAR_CELLS = 10
ASPECTS = ("clarity", "pace", "tone", "confidence", "relevance", "structure")


def show_talk(console: Console, talk: Talk) -> None:
    """Prints the heading of a talk."""
    length = "" if talk.duration_seconds is None else f", {talk.duration_seconds} s"
    console.print()
    console.print(Rule(Text(f"{talk.title} ({talk.feature_type}{length})"), align="left"))


def show_feedback(console: Console, feedback: dict[str, Any]) -> None:
    """Prints scores, measures, highlights and action items."""
    overview = feedback["overview"]
    score = Text(f"Score {overview['score']:.0f} of 100", style="bold")
    if overview["scoreChange"] is not None:
        score.append(f"  ({overview['scoreChange']:+.0f} against your earlier sessions)")
    console.print(score)
    console.print(Padding(Text(overview["summary"]), (0, 2, 1, 2)))
    console.print(_scores(feedback))
    console.print(Text("\nMeasured", style="bold"))
    for line in _measures(feedback["measures"]):
        console.print(Padding(Text(line), (0, 2)))
    console.print(Text("\nHighlights (every quote was found in the transcript)", style="bold"))
    for highlight in feedback["highlights"]:
        console.print(_highlight(highlight))
    console.print(Text("\nTo practise next", style="bold"))
    for number, action in enumerate(feedback["actionItems"], start=1):
        console.print(_action(number, action))
    console.print(Text(f"\nJudged by {feedback['model']}", style="dim"))


def show_progress(console: Console, quota: dict[str, Any], profile: dict[str, Any]) -> None:
    """Prints the quota that was used, and the learner's XP, level and streak."""
    console.print(
        f"Tokens today {quota['tokensUsed']:,} of {quota['quota']:,}, {quota['remaining']:,} left"
        f" · {profile['xp']} XP, level {profile['level']}, streak {_count(profile['streak'], 'days')}"
    )


def show_comparison(console: Console, results: Sequence[tuple[Talk, dict[str, Any]]]) -> None:
    """Prints the scores of several talks side by side."""
    table = Table(title="Side by side", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    for talk, _ in results:
        table.add_column(talk.title, justify="right", overflow="fold")
    table.add_row("score", *(f"{feedback['overview']['score']:.0f}" for _, feedback in results), style="bold")
    for aspect in ASPECTS:
        table.add_row(aspect, *(_number(_aspects(feedback)[aspect]["score"]) for _, feedback in results))
    for label, member in (("words a minute", "wordsPerMinute"), ("fillers", "fillers")):
        table.add_row(
            label, *(_counted(feedback["measures"][member]) for _, feedback in results), style="dim"
        )
    console.print()
    console.print(table)


def _scores(feedback: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, aspect in _aspects(feedback).items():
        table.add_row(f"  {name}", _number(aspect["score"]), _bar(aspect["score"]), Text(aspect["feedback"]))
    return table


def _aspects(feedback: dict[str, Any]) -> dict[str, Any]:
    breakdown = feedback["breakdown"]
    return {**breakdown["communication"], **breakdown["content"]}


def _measures(measures: dict[str, Any]) -> list[str]:
    lines = [_length(measures), *_speed(measures)]
    for name in ("fillers", "hedges"):
        if (found := measures[name]) is not None:
            listed = found.get("byWord") or found.get("phrases") or {}
            most_frequent = ", ".join(f"{word} {count}" for word, count in _most(listed))
            lines.append(_count(found["count"], name) + (f": {most_frequent}" if most_frequent else ""))
    questions = _count(measures["questions"], "questions")
    repetitions = measures["repetitions"]
    lines.append(questions if repetitions is None else f"{questions}, {_count(repetitions, 'repetitions')}")
    if measures["talkShare"] is not None:
        lines.append(f"{measures['talkShare']:.0%} of the words are yours")
    lines += _timing(measures["timing"] or {})
    return [*lines, *measures["notes"]]


def _length(measures: dict[str, Any]) -> str:
    sentences = _count(measures["sentences"], "sentences")
    if "words" in measures["notApplicable"]:
        return sentences
    return f"{_count(measures['words'], 'words')} in {sentences}"


def _speed(measures: dict[str, Any]) -> list[str]:
    """Returns words a minute of the whole recording, and while the learner speaks where that differs."""
    speed, speaking = measures["wordsPerMinute"], measures["speakingWordsPerMinute"]
    if speed is None:
        return []
    norm = measures["paceNorm"]
    usual = f" (usual: {norm['low']}-{norm['high']})" if norm else ""
    if measures["wordsPerMinuteImplausible"]:
        return [f"{speed:g} words a minute: words and duration don't belong together"]
    if speaking == speed:
        return [f"{speed:g} words a minute{usual}"]
    return [
        f"{speed:g} words a minute, with the turns of others in the time",
        f"about {speaking:.0f} words a minute while you speak, by your share of the words{usual}",
    ]


def _timing(timing: dict[str, Any]) -> list[str]:
    """Returns what the times of the transcript tell of pauses and of the conversation."""
    lines = []
    if pauses := timing.get("pauses"):
        longest = f", the longest of {pauses['longestSeconds']:.1f} s" if pauses["count"] else ""
        lines.append(_count(pauses["count"], "pauses") + longest)
    if (latency := timing.get("responseLatencySeconds")) is not None:
        lines.append(f"{latency['median']:g} s until you reply, by the median")
    if interruptions := timing.get("interruptions"):
        lines.append(f"You start {_count(interruptions, 'times')} while the other speaks")
    return lines


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])[:5]


def _highlight(highlight: dict[str, Any]) -> Table:
    mark, style = ("+", "green") if highlight["type"] == "strength" else ("-", "yellow")
    quote = Text(f"“{highlight['quote']}”", style=style)
    if (seconds := highlight["startSeconds"]) is not None:
        quote.append(f" at {int(seconds) // 60}:{int(seconds) % 60:02}", style="dim")
    return _hanging(mark, quote, Text(highlight["comment"]))


def _action(number: int, action: dict[str, Any]) -> Table:
    title = Text(action["title"], style="bold")
    return _hanging(f"{number}.", title, Text(action["why"]), Text(f"Exercise: {action['exercise']}"))


def _hanging(mark: str, *paragraphs: Text) -> Table:
    """Returns paragraphs, indented behind a mark."""
    table = Table.grid(padding=(0, 1))
    for paragraph in paragraphs:
        table.add_row(f"  {mark}", paragraph)
        mark = " " * len(mark)
    return table


def _bar(score: float | None) -> Text:
    if score is None:
        return Text("")
    full = round(score / 100 * BAR_CELLS)
    return Text("█" * full + "░" * (BAR_CELLS - full), style="green" if score >= 70 else "yellow")


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.0f}"


def _counted(measure: Any) -> str:
    value = measure["count"] if isinstance(measure, dict) else measure
    return "–" if value is None else f"{value:g}"


def _count(number: int, things: str) -> str:
    return f"{number} {things.removesuffix('s') if number == 1 else things}"
