"""Judgements that miss what was asked for, as Gemini's do, and are usable all the same."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from cara.devtools.emulator.faults import Deviation, Switch
from cara.devtools.emulator.transcript import WORD

QUOTE_CHARACTERS, SUMMARY_CHARACTERS, TITLE_CHARACTERS = 900, 4_000, 300
HIGHLIGHTS, ACTIONS = 14, 5
NEVER_SAID = "Nobody has ever said these words in this order."


def write_judgement(judgement: Any, transcript: str, switches: Collection[Switch]) -> str:
    """Returns the text of the judgement, with the deviations among the switches."""
    if not isinstance(judgement, dict):
        return json.dumps(judgement, ensure_ascii=False)
    for deviation in sorted(switches):
        if isinstance(deviation, Deviation):
            _change(judgement, transcript, deviation)
    text = json.dumps(judgement, ensure_ascii=False)
    if Deviation.FENCED in switches:
        text = f"```json\n{text}\n```"
    if Deviation.PREFACED in switches:
        text = f"Here is the judgement that you asked for:\n\n{text}\n\nI hope that it helps."
    return text


def _change(judgement: dict[str, Any], transcript: str, deviation: Deviation) -> None:
    scored = [aspect for aspect in judgement.values() if isinstance(aspect, dict) and "score" in aspect]
    highlights, actions = judgement.get("highlights") or [], judgement.get("actionItems") or []
    match deviation:
        case Deviation.LONG_QUOTE if highlights:
            highlights[1:1] = [highlights[0] | {"quote": _repeated(transcript, QUOTE_CHARACTERS)}]
        case Deviation.LONG_SUMMARY if "summary" in judgement:
            judgement["summary"] = _repeated(judgement["summary"], SUMMARY_CHARACTERS)
        case Deviation.LONG_TITLE if actions:
            actions[0]["title"] = _repeated(actions[0]["title"], TITLE_CHARACTERS)
        case Deviation.ONE_ITEM_TOO_MANY if actions:
            judgement["actionItems"] = _one_more(actions)
        case Deviation.EMPTY_SENTENCE if scored:
            scored[0]["feedback"] = ""
        case Deviation.MANY_HIGHLIGHTS if highlights:
            judgement["highlights"] = _many(highlights, transcript)
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


def _many(highlights: list[dict[str, Any]], transcript: str) -> list[dict[str, Any]]:
    """Appends single words of the transcript, each as a highlight of its own."""
    words = dict.fromkeys(WORD.findall(transcript))
    more = [highlights[0] | {"quote": word} for word in words]
    return [*highlights, *more][:HIGHLIGHTS]


def _one_more(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Repeats the last action, as one of its own, until there is one more than can be asked for."""
    numbers = range(1, ACTIONS - len(actions) + 1)
    return actions + [actions[-1] | {"title": f"{actions[-1]['title']} ({number})"} for number in numbers]


def _odd_score(deviation: Deviation) -> float | str:
    if deviation is Deviation.SCORES_AS_TEXT:
        return "85"
    return 85.5 if deviation is Deviation.FRACTIONAL_SCORES else 101
