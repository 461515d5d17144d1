"""Time to read the longest transcript that may be sent: of each format, and of shapes that are hostile.

Each reading is put beside one regular expression that counts the words of the same text in the same run:
other load on the machine slows both, so read the ratio. Growth compares it with the first quarter of the
text: 4 is linear, 16 quadratic. Each figure is the best of some rounds, in processor time.

    python -m bench.transcripts [--characters 200000] [--rounds 3] [NAME …]
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.transcripts.reading import UnreadableTranscript, read_transcript
from cara.transcripts.utterances import turns_of
from cara.web.tags import MarkupBudget

FILES = Path(__file__).parents[1] / "tests" / "transcripts" / "files"
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
QUARTERS = 4

CUE = "00:00.000 --> 00:00.001\na\n\n"
TINY_CUE = "1\n00:00:00,000 --> 00:00:00,001\na\n\n"
ONE_CUE = "WEBVTT\n\n00:01.000 --> 00:02.000\n"
HOSTILE = {
    "<": "<",
    "<a b=": "<a b=",
    "&lt;b&gt;": "&lt;b&gt;",
    "-->": "-->",
    "--> in WebVTT": "WEBVTT\n\n" + "-->\n" * 50_000,
    "tiny cues of WebVTT": "WEBVTT\n\n" + CUE * 8_000,
    "tiny cues of SubRip": TINY_CUE,
    "voices never closed": "WEBVTT\n\n00:00.000 --> 00:00.001\n" + "<v a>" * 40_000,
    "times in WebVTT": "WEBVTT\n\n00:00.000 --> 00:00.001\n" + "<00:00:00.000>" * 20_000,
    "labels in a cue": ONE_CUE + "a:\n" * 70_000,
    "names in brackets in a cue": ONE_CUE + "[A] a\n" * 40_000,
    "labels in a cue that differ": ONE_CUE + "".join(f"S{number}: a\n" for number in range(30_000)),
    "chevrons in a cue": ONE_CUE + ">> a\n" * 40_000,
    "times of words in a cue": ONE_CUE + "<0:1.0>a " * 30_000,
    "[": "[",
    "[ in WebVTT": "WEBVTT\n\n00:00.000 --> 00:00.001\n" + "[" * 200_000,
    "(": "(",
    "labels of one letter": "a: b\nc: d\n",
    "labels that differ": "".join(f"Speaker {number}: a\n" for number in range(20_000)),
    "labels that never end": "a a a a ",
    "colons": ":",
    "names without a text": "Ann Lee:\n",
    "times alone": "10:00 AM\n",
    "chevrons": ">> ",
    "blank lines": "\n",
    "carriage returns": "\r",
    "one line of blanks": " ",
    "bullets": "\x15",
    "tiers of a letter": "@UTF8\n@Begin\n" + "*A:\ta\n" * 40_000,
    "bullets in CHAT": "@UTF8\n@Begin\n*A:\t" + "\x15" * 200_000,
    "scopes in CHAT": "@UTF8\n@Begin\n*A:\t" + "<" * 200_000,
    "retracings in CHAT": "@UTF8\n@Begin\n*A:\t" + "<a> [//] " * 30_000,
    "nested lists": "[" * 200_000 + "]",
    "nested objects": '{"a":' * 50_000,
    "an unended string": '{"text": "' + "\\u0041" * 40_000,
}


def repeated(unit: str, characters: int) -> str:
    return (unit * (characters // len(unit) + 1))[:characters]


def texts() -> Iterator[tuple[str, Callable[[int], str]]]:
    """Yields the name of each shape, and what makes a text of it with so many characters."""
    for path in sorted(FILES.iterdir()):
        sent = path.read_bytes().decode()
        scaled = scaled_json if path.suffix == ".json" else repeated
        yield path.name, lambda most, sent=sent, scaled=scaled: scaled(sent, most)
    for name, unit in HOSTILE.items():
        yield name, lambda most, unit=unit: repeated(unit, most)


def scaled_json(sent: str, characters: int) -> str:
    """Returns the JSON with each of its lists so often repeated that it has about so many characters."""
    value = json.loads(sent)
    repeats = 1
    while len(text := json.dumps(longer(value, 2 * repeats), ensure_ascii=False)) <= characters:
        repeats *= 2
    return text if repeats == 1 else json.dumps(longer(value, repeats), ensure_ascii=False)


def longer(value: Any, repeats: int) -> Any:
    """Repeats the items of the lists that are nearest to the root."""
    if isinstance(value, list):
        return value * repeats
    if isinstance(value, dict):
        return {name: longer(member, repeats) for name, member in value.items()}
    return value


def read(text: str) -> str:
    """Reads as a request does; returns the format, or why the text is refused."""
    try:
        transcript = read_transcript(text, budget=MarkupBudget())
    except UnreadableTranscript:
        return "refused"
    for _ in turns_of(transcript.utterances):
        pass
    return transcript.format


def best_milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Processor time of the quickest round: what else runs on the machine only ever adds."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - started))
    return min(taken)


def main(characters: int, rounds: int, names: list[str]) -> None:
    read(repeated("You: a\nCoach: b\n", 1_000))  # loads its tables
    print(f"{characters:,} characters, best of {rounds}")
    print(f"{'':24}{'read as':>14}{'characters':>12}{'count ms':>10}{'read ms':>9}{'ratio':>8}{'growth':>8}")
    for name, make in texts():
        if names and name not in names:
            continue
        whole, quarter = make(characters), make(characters // QUARTERS)
        counting = best_milliseconds(lambda text=whole: WORD.findall(text), rounds)
        reading = best_milliseconds(lambda text=whole: read(text), rounds)
        growth = reading / best_milliseconds(lambda text=quarter: read(text), rounds)
        growth *= QUARTERS * len(quarter) / len(whole)  # JSON cannot be cut anywhere
        print(
            f"{name:24}{read(whole):>14}{len(whole):>12,}{counting:>10.1f}{reading:>9.1f}"
            f"{reading / counting:>8.1f}{growth:>8.1f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--characters", type=int, default=MAX_TRANSCRIPT_CHARACTERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("names", nargs="*")
    main(**vars(parser.parse_args()))
