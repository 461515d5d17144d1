"""Composes the reply to a prompt, with the fault or deviation that is planned for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from cara.devtools.emulator.advice import Advice
from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Deviation, Fault, PlannedFault
from cara.devtools.emulator.passages import Passages
from cara.devtools.emulator.prompt import Facts, Prompt
from cara.devtools.emulator.schema_answers import SchemaAnswer
from cara.devtools.emulator.tokens import TokenUsage, count_tokens, cut_to_tokens
from cara.devtools.emulator.transcript import WORD, listing, shorten

ENDLESS_THOUGHTS = 8_192
"""The tokens of thinking without a limit of output."""

QUESTIONS = (
    "Who are you going to say this to, and what should they do afterwards? Now give me your opening "
    "sentence, word for word, as if they sat across from you.",
    "Now the other side answers: “I am not convinced.” What do you say next? Two sentences are enough.",
    "Say it once more in half as many words, and end with the one thing that you want.",
)

QUOTE_CHARACTERS, SUMMARY_CHARACTERS, TITLE_CHARACTERS = 900, 4_000, 300
HIGHLIGHTS = 14
NEVER_SAID = "Nobody has ever said these words in this order."


class Ending(Enum):
    """What happens on the connection after the last chunk."""

    COMPLETE = auto()
    STALL = auto()
    DROP = auto()
    ERROR = auto()


@dataclass(frozen=True)
class Reply:
    """An answer in chunks, with its usage. Without a `finish_reason` it was cut off."""

    chunks: tuple[str, ...]
    prompt_usage: TokenUsage
    finish_reason: str | None = "STOP"
    block_reason: str | None = None
    ending: Ending = Ending.COMPLETE

    def usage(self, chunks: int) -> TokenUsage:
        """Returns the running total after the first `chunks` chunks."""
        return replace(self.prompt_usage, output=count_tokens("".join(self.chunks[:chunks])))


def compose(prompt: Prompt, settings: EmulatorSettings, planned: PlannedFault | None) -> Reply:
    """Returns the reply to `prompt`, with the planned fault."""
    fault = planned.fault if planned else None
    text, finish_reason, thinking = _break(_text(prompt, fault), fault), "STOP", settings.thinking_tokens
    if prompt.max_output_tokens is not None:
        thinking = min(thinking, prompt.max_output_tokens)
        room = prompt.max_output_tokens - thinking
        finish_reason = "STOP" if count_tokens(text) <= room else "MAX_TOKENS"
        text = cut_to_tokens(text, room)
    usage = TokenUsage(
        prompt=prompt.tokens,
        thinking=thinking,
        cached=min(settings.cached_tokens, prompt.tokens),
    )
    reply = Reply(_chunks(text, settings.chunk_characters), usage, finish_reason)
    return _interrupted(reply, planned, prompt) if planned else reply


def _text(prompt: Prompt, fault: Fault | Deviation | None) -> str:
    if not prompt.wants_json:
        return _chat_reply(prompt)
    advice = Advice(prompt.transcript, prompt.facts)
    schema = prompt.schema or {"properties": {"answer": {"type": "string"}}}
    instance = SchemaAnswer(schema, advice).instance()
    if isinstance(fault, Deviation) and isinstance(instance, dict):
        return deviate(instance, advice.talk.text, fault)
    return json.dumps(instance, ensure_ascii=False)


def _chat_reply(prompt: Prompt) -> str:
    """Returns a coach's turn, which takes up what was said, remarks on one phrase, and asks for more."""
    passages = Passages(prompt.message, Facts())
    remark = "That is a clear place to start."
    if flawed := next((one for one in passages.all if one.needless), None):
        remark = (
            f"It sounds surer without {listing(flawed.needless[:1])}; a short silence does the same work."
        )
    question = QUESTIONS[prompt.turns // 2 % len(QUESTIONS)]
    return f"I hear: “{shorten(prompt.message, 120)}” {remark} {question}"


def _break(text: str, fault: Fault | Deviation | None) -> str:
    if fault is Fault.BROKEN_JSON:
        return text[: len(text) * 2 // 3]
    if fault is Fault.SCHEMA_BREACH:
        return json.dumps({"unexpected": text[:40]}, ensure_ascii=False)
    return text


def _chunks(text: str, characters: int) -> tuple[str, ...]:
    return tuple(text[start : start + characters] for start in range(0, len(text), characters)) or ("",)


def _interrupted(reply: Reply, planned: PlannedFault, prompt: Prompt) -> Reply:
    begun = reply.chunks[: planned.after_chunks]
    match planned.fault:
        case Fault.BLOCKED_PROMPT:
            usage = replace(reply.prompt_usage, thinking=0)
            return Reply((), usage, finish_reason=None, block_reason="PROHIBITED_CONTENT")
        case Fault.OUT_OF_ROOM:
            half = reply.chunks[: max(len(reply.chunks) // 2, 1)]
            return replace(reply, chunks=half, finish_reason="MAX_TOKENS")
        case Fault.ONLY_THOUGHTS:
            thoughts = replace(reply.prompt_usage, thinking=prompt.max_output_tokens or ENDLESS_THOUGHTS)
            return Reply((), thoughts, finish_reason="MAX_TOKENS")
        case Fault.BLOCKED_ANSWER:
            return replace(reply, chunks=begun, finish_reason="SAFETY")
        case Fault.CUT_STREAM:
            return replace(reply, chunks=begun, finish_reason=None)
        case Fault.STALL_MIDSTREAM:
            return replace(reply, chunks=begun, finish_reason=None, ending=Ending.STALL)
        case Fault.DROP_CONNECTION:
            return replace(reply, chunks=begun, finish_reason=None, ending=Ending.DROP)
        case Fault.ERROR_MIDSTREAM:
            return replace(reply, chunks=begun, finish_reason=None, ending=Ending.ERROR)
    return reply


def deviate(judgement: dict[str, Any], transcript: str, deviation: Deviation) -> str:
    """Changes the judgement to one that misses what was asked for, as Gemini's do; returns its text."""
    _change(judgement, transcript, deviation)
    text = json.dumps(judgement, ensure_ascii=False)
    match deviation:
        case Deviation.FENCED:
            return f"```json\n{text}\n```"
        case Deviation.PREFACED:
            return f"Here is the judgement that you asked for:\n\n{text}\n\nI hope that it helps."
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


def _odd_score(deviation: Deviation) -> float | str:
    if deviation is Deviation.SCORES_AS_TEXT:
        return "85"
    return 85.5 if deviation is Deviation.FRACTIONAL_SCORES else 101
