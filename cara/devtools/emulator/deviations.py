"""Judgements that miss what was asked for, in the ways in which Gemini's do."""

from __future__ import annotations

import json
from typing import Any

from cara.devtools.emulator.faults import Deviation
from cara.devtools.emulator.talk import Talk
from cara.devtools.emulator.wording import WORD

QUOTE_CHARACTERS, SUMMARY_CHARACTERS, TITLE_CHARACTERS = 900, 4_000, 300
HIGHLIGHTS = 14
NEVER_SAID = "Nobody has ever said these words in this order."


def deviating(judgement: dict[str, Any], talk: Talk, deviation: Deviation) -> str:
    """What Gemini writes instead of the judgement, which this changes."""
    _change(judgement, talk, deviation)
    text = json.dumps(judgement, ensure_ascii=False)
    match deviation:
        case Deviation.FENCED:
            return f"```json\n{text}\n```"
        case Deviation.PREFACED:
            return f"Here is the judgement that you asked for:\n\n{text}\n\nI hope that it helps."
    return text


def _change(judgement: dict[str, Any], talk: Talk, deviation: Deviation) -> None:
    scored = [aspect for aspect in judgement.values() if isinstance(aspect, dict) and "score" in aspect]
    highlights, actions = judgement.get("highlights") or [], judgement.get("actionItems") or []
    match deviation:
        case Deviation.LONG_QUOTE if highlights:
            highlights[1:1] = [highlights[0] | {"quote": _repeated(talk.text, QUOTE_CHARACTERS)}]
        case Deviation.LONG_SUMMARY if "summary" in judgement:
            judgement["summary"] = _repeated(judgement["summary"], SUMMARY_CHARACTERS)
        case Deviation.LONG_TITLE if actions:
            actions[0]["title"] = _repeated(actions[0]["title"], TITLE_CHARACTERS)
        case Deviation.EMPTY_SENTENCE if scored:
            scored[0]["feedback"] = ""
        case Deviation.MANY_HIGHLIGHTS if highlights:
            judgement["highlights"] = _many(highlights, talk)
        case Deviation.FRACTIONAL_SCORES | Deviation.SCORES_AS_TEXT | Deviation.SCORES_BEYOND:
            for aspect in scored:
                aspect["score"] = _odd_score(deviation)
        case Deviation.NULL_SCORE if scored:
            scored[-1]["score"] = None
        case Deviation.MISSING_SCORE if scored:
            del scored[-1]["score"]
        case Deviation.FOREIGN_MEMBERS:
            for part in (judgement, *scored, *highlights, *actions):
                part["certainty"] = {"level": "high"}
        case Deviation.UNGROUNDED:
            for highlight in highlights:
                highlight["quote"] = NEVER_SAID


def _repeated(text: str, characters: int) -> str:
    return (f"{text} " * (characters // (len(text) + 1) + 1))[:characters]


def _many(highlights: list[dict[str, Any]], talk: Talk) -> list[dict[str, Any]]:
    """Single words of the talk, each its own highlight, behind those that there are."""
    words = dict.fromkeys(WORD.findall(talk.text))
    more = [highlights[0] | {"quote": word} for word in words]
    return [*highlights, *more][:HIGHLIGHTS]


def _odd_score(deviation: Deviation) -> float | str:
    if deviation is Deviation.SCORES_AS_TEXT:
        return "85"
    return 85.5 if deviation is Deviation.FRACTIONAL_SCORES else 101
