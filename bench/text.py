"""Time to read and clean the largest bodies and texts that are accepted.

Bodies are put beside `json.loads` of the same bytes, texts beside a sum over their characters, in the same
run: other load on the machine slows both, so read the ratio. Each figure is the median of some
rounds, in processor time. Hostile texts look like markup, turns or fillers from end to end.

    python -m bench.text [--characters 200000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from cara.feedback.assessment.grounding import SpokenText
from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.samples import SAMPLES
from cara.speech import measure
from cara.transcripts.talk import read_talk
from cara.web.sanitize import without_markup
from cara.web.strict_json import parse_object

Work = Callable[[], object]

BODY_BYTES = 1_048_576
TURNS = "\n".join(sample.transcript() for sample in SAMPLES)
UNITS = {
    "talks": TURNS,
    "turns": "You: a\nCoach: a\n",
    "open tags": "<a ",
    "references": "&lt;b&gt;",
    "fillers": "um... ",
}
TREATMENTS: dict[str, Callable[[str], object]] = {
    "cleaning": without_markup,
    "grounding in": lambda text: SpokenText(read_talk(text)).find("These words stand nowhere"),
    "measuring": lambda text: measure(text, duration_seconds=3_600, feature_type="conversation"),
}


def repeated(unit: str, characters: int) -> str:
    return (unit * (characters // len(unit) + 1))[:characters]


def bodies() -> dict[str, bytes]:
    """Objects of one mebibyte: one long text, many short ones, and one that is written in escapes alone."""
    short = {f"member {number}": TURNS[:40] for number in range(15_000)}
    kinds = {"one text": {"text": repeated(TURNS, 900_000)}, "short texts": short}
    written = {name: json.dumps(kind).encode() for name, kind in kinds.items()}
    written["escapes"] = b'{"text": "' + rb"\u0041" * (BODY_BYTES // 6 - 10) + b'"}'
    return {name: raw.ljust(BODY_BYTES) for name, raw in written.items()}


def works(characters: int) -> dict[str, tuple[Work, Work]]:
    """What is measured by name, each with its baseline."""
    found: dict[str, tuple[Work, Work]] = {}
    for name, raw in bodies().items():
        found[f"reading 1 MiB of {name}"] = partial(parse_object, raw), partial(json.loads, raw)
    for name, unit in UNITS.items():
        text = repeated(unit, characters)
        for what, treat in TREATMENTS.items():
            found[f"{what} {name}"] = partial(treat, text), partial(sum_of_characters, text)
    return found


def sum_of_characters(text: str) -> int:
    return sum(map(ord, text))


def median_milliseconds(work: Work, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - started))
    return median(taken)


def main(characters: int, rounds: int) -> None:
    for treat in TREATMENTS.values():
        treat(TURNS)  # loads its tables
    print(f"{characters:,} characters and bodies of {BODY_BYTES:,} bytes, median of {rounds}")
    print(f"{'':32}{'baseline ms':>12}{'ms':>10}{'ratio':>8}")
    for name, (work, baseline) in works(characters).items():
        needed, taken = median_milliseconds(baseline, rounds), median_milliseconds(work, rounds)
        print(f"{name:32}{needed:>12.2f}{taken:>10.2f}{taken / needed:>8.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--characters", type=int, default=MAX_TRANSCRIPT_CHARACTERS)
    parser.add_argument("--rounds", type=int, default=7)
    main(**vars(parser.parse_args()))
