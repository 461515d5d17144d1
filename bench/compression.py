"""What levels of gzip make of the answers of Cara, and in which processor time.

Lists of sessions and whole transcripts, of the samples' words in random order, at the sizes that are
compressed on the event loop and beyond. Each figure is the median of some rounds.

    python -m bench.compression [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
import random
import time
import zlib
from statistics import median
from typing import Final

from cara.postgres.database import new_id
from cara.samples import SAMPLES
from cara.web.compression import GZIP_BITS, LARGE_BYTES, MIN_BYTES

SIZES: Final = (MIN_BYTES, 4_096, LARGE_BYTES, 200_000, 1_000_000)
LEVELS: Final = (1, 4, 6, 9)
WORDS: Final = " ".join(sample.transcript() for sample in SAMPLES).split()


def transcript(size: int, rng: random.Random) -> bytes:
    return json.dumps({"transcript": _words(size, rng)}).encode()


def sessions(size: int, rng: random.Random) -> bytes:
    listed: list[dict[str, object]] = []
    while len(body := json.dumps({"sessions": listed}).encode()) < size:
        listed += [_session(rng) for _ in range(1 + size // 20_000)]
    return body


def _session(rng: random.Random) -> dict[str, object]:
    scores = {
        name: round(rng.uniform(0, 100), 2) for name in ("score", "clarity", "pace", "confidence", "tone")
    }
    return {
        "id": str(new_id()),
        "featureType": rng.choice(("conversation", "video")),
        "title": _words(30, rng),
        "description": _words(80, rng),
        "durationSeconds": rng.randint(30, 900),
        "completed": True,
        "createdAt": f"2026-11-{rng.randint(1, 28):02}T10:{rng.randint(0, 59):02}:00Z",
        **scores,
    }


def _words(size: int, rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=size // 5))[:size]


def main(rounds: int) -> None:
    print(f"{'answer':<12}{'bytes':>10}{'level':>7}{'packed':>10}{'share':>8}{'ms':>9}")
    for make in (sessions, transcript):
        for size in SIZES:
            body = make(size, random.Random(size))
            for level in LEVELS:
                packed, milliseconds = _measured(body, level, rounds)
                share = f"{100 * packed / len(body):.0f} %"
                print(
                    f"{make.__name__:<12}{len(body):>10,}{level:>7}{packed:>10,}{share:>8}{milliseconds:>9.2f}"
                )


def _measured(body: bytes, level: int, rounds: int) -> tuple[int, float]:
    """Returns the compressed size, and the milliseconds of processor time."""
    found, packed = [], b""
    for _ in range(rounds):
        began = time.process_time()
        packed = zlib.compress(body, level, GZIP_BITS)
        found.append(1_000 * (time.process_time() - began))
    return len(packed), median(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    main(parser.parse_args().rounds)
