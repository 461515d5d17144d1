"""How near estimates of tokens come to the vocabulary that Gemini counts with.

The vocabulary is not part of the repository: name the `tokenizer.json` of Gemma 3, in the format of the
package `tokenizers`, which must be installed. Each row compares estimates with counts, text by text;
`needed` is the count of the costliest text as a share of its estimate with the margin, and should not exceed
1. The last column is a quarter of the characters, by which the emulator counts, as a share of the count.

    python -m bench.token_estimates TOKENIZER_JSON [--texts FOLDER] [--record]

`--texts` adds the files `*.txt` of a folder, a row for each; `--record` writes the counts of the texts of
tests/gemini/test_tokens.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

from cara.coach import prompts as coach_prompts
from cara.feedback.assessment import prompts as judge_prompts
from cara.feedback.assessment.judgement import judgement_schema
from cara.feedback.assessment.prompt import question
from cara.gemini.tokens import estimate_tokens, with_margin
from cara.samples import SAMPLES
from cara.speech import measure
from cara.transcripts.talk import read_talk

REPOSITORY = Path(__file__).parents[1]
RECORDED = REPOSITORY / "tests" / "gemini" / "token_counts.json"
ACTIONS = [{"title": "End on one clear request"}]


def load_tokenizer(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        sys.exit("the package tokenizers is needed: pip install tokenizers")
    return Tokenizer.from_file(str(path))


def count(tokenizer: Any, text: str) -> int:
    """The tokens of the text alone, without marks of its begin and end."""
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def kinds(folder: Path | None) -> Iterator[tuple[str, list[str]]]:
    """Yields texts of one kind with its name."""
    yield "sample talks", [sample.transcript() for sample in SAMPLES]
    for name, package in ("coach's instructions", coach_prompts), ("judge's instructions", judge_prompts):
        yield (
            name,
            [path.read_text("utf-8") for path in files(package).iterdir() if path.name.endswith(".md")],
        )
    yield "schema of a judgement", [json.dumps(judgement_schema(), separators=(",", ":"))]
    yield "judge's prompts", [_question(sample.transcript(), sample.duration_seconds) for sample in SAMPLES]
    for row in json.loads(RECORDED.read_text("utf-8")):
        yield row["name"], [row["text"]]
    yield "documents", [path.read_text("utf-8") for path in sorted((REPOSITORY / "docs").glob("*.md"))]
    yield (
        "Python",
        [path.read_text("utf-8") for path in sorted((REPOSITORY / "cara" / "gemini").glob("*.py"))],
    )
    yield "SQL", [path.read_text("utf-8") for path in sorted((REPOSITORY / "migrations").glob("*.sql"))]
    for path in sorted(folder.glob("*.txt")) if folder else ():
        yield path.stem, [path.read_text("utf-8")]


def _question(talk: str, seconds: int) -> str:
    measures = measure(talk, duration_seconds=seconds, feature_type="conversation")
    return question(read_talk(talk), measures, ACTIONS)


def record(tokenizer: Any) -> None:
    rows = json.loads(RECORDED.read_text("utf-8"))
    counted = [{**row, "tokens": count(tokenizer, row["text"])} for row in rows]
    RECORDED.write_text(json.dumps(counted, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main(tokenizer: Any, folder: Path | None) -> None:
    print("| texts | of them | tokens | estimate / count | least | most | needed | quarter of characters |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, texts in kinds(folder):
        counts = [count(tokenizer, text) for text in texts]
        estimates = [estimate_tokens(text) for text in texts]
        ratios = [estimate / tokens for estimate, tokens in zip(estimates, counts, strict=True)]
        needed = max(tokens / with_margin(each) for each, tokens in zip(estimates, counts, strict=True))
        quarter = sum(map(len, texts)) / 4 / sum(counts)
        shares = (fmean(ratios), min(ratios), max(ratios), needed, quarter)
        columns = [name, str(len(texts)), f"{sum(counts):,}", *(f"{share:.2f}" for share in shares)]
        print(f"| {' | '.join(columns)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    loaded = load_tokenizer(options.tokenizer)
    if options.record:
        record(loaded)
    main(loaded, options.texts)
