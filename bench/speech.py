"""Time to measure the longest transcript that may be sent, beside a bare count of its words.

The count is one regular expression over the same text in the same run: other load on the machine slows
both, so read the ratio. Each figure is the best of some rounds.

    python -m bench.speech [--characters 200000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable

from cara.practice.schemas import MAX_TRANSCRIPT_CHARACTERS
from cara.samples import SAMPLES
from cara.speech import measure

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
WORDS_PER_SECOND = 2.5


def talks(characters: int) -> dict[str, str]:
    """The samples one after another as turns, monologue and captions, and without a single full stop."""
    turns = "\n".join(sample.transcript() for sample in SAMPLES)
    spoken = " ".join(line.partition(": ")[2] or line for line in turns.splitlines())
    kinds = {"turns": turns, "monologue": spoken, "one sentence": re.sub(r"[.!?…]", "", spoken)}
    repeated = {name: _repeated(text, characters) for name, text in kinds.items()}
    return {**repeated, "captions": _captions(repeated["monologue"].replace(":", ","))[:characters]}


def _captions(text: str) -> str:
    """The text in cues of seven words, with a pause after each."""
    words = text.split()
    cues = (" ".join(words[first : first + 7]) for first in range(0, len(words), 7))
    return "WEBVTT\n\n" + "\n\n".join(
        f"{_clock(3 * number)} --> {_clock(3 * number + 2.6)}\n{cue}" for number, cue in enumerate(cues)
    )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:06.3f}"


def _repeated(text: str, characters: int) -> str:
    return ((text + "\n") * (characters // len(text) + 1))[:characters]


def best_milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Processor time of the quickest round: what else runs on the machine only ever adds."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - started))
    return min(taken)


def main(characters: int, rounds: int) -> None:
    measure(SAMPLES[0].transcript(), duration_seconds=60, feature_type="conversation")  # loads its tables
    print(f"{characters:,} characters, best of {rounds}")
    print(f"{'':14}{'words':>8}{'count ms':>10}{'measure ms':>12}{'ratio':>8}")
    for name, talk in talks(characters).items():
        words = len(WORD.findall(talk))
        seconds = round(words / WORDS_PER_SECOND)
        counting = best_milliseconds(lambda talk=talk: WORD.findall(talk), rounds)
        measuring = best_milliseconds(
            lambda talk=talk, seconds=seconds: measure(
                talk, duration_seconds=seconds, feature_type="conversation"
            ),
            rounds,
        )
        print(f"{name:14}{words:>8,}{counting:>10.1f}{measuring:>12.1f}{measuring / counting:>8.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--characters", type=int, default=MAX_TRANSCRIPT_CHARACTERS)
    parser.add_argument("--rounds", type=int, default=5)
    main(**vars(parser.parse_args()))
