"""Composes what the emulator will say to a prompt, whole or spoilt by a fault."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum, auto

from cara.devtools.emulator.coaching import chat_reply
from cara.devtools.emulator.deviations import deviating
from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Deviation, Fault, PlannedFault
from cara.devtools.emulator.prompt import Prompt
from cara.devtools.emulator.schema_answers import SchemaAnswer
from cara.devtools.emulator.talk import learner_talk
from cara.devtools.emulator.tokens import TokenUsage, count_tokens, cut_to_tokens

ENDLESS_THOUGHTS = 8_192
"""What thinking comes to where no limit of output stops it."""


class Ending(Enum):
    """What happens on the connection after the last piece."""

    COMPLETE = auto()
    STALL = auto()
    DROP = auto()
    ERROR = auto()


@dataclass(frozen=True)
class Reply:
    """An answer in pieces, with its bill. Without a `finish_reason` it was cut off."""

    pieces: tuple[str, ...]
    prompt_usage: TokenUsage
    finish_reason: str | None = "STOP"
    block_reason: str | None = None
    ending: Ending = Ending.COMPLETE

    def usage(self, pieces: int) -> TokenUsage:
        """The running total once the first `pieces` pieces are out."""
        return replace(self.prompt_usage, output=count_tokens("".join(self.pieces[:pieces])))


def compose(prompt: Prompt, settings: EmulatorSettings, planned: PlannedFault | None) -> Reply:
    """The reply to `prompt`, spoilt as planned."""
    fault = planned.fault if planned else None
    text, finish_reason, thinking = _spoilt(_text(prompt, fault), fault), "STOP", settings.thinking_tokens
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
    reply = Reply(_pieces(text, settings.chunk_characters), usage, finish_reason)
    return _interrupted(reply, planned, prompt) if planned else reply


def _text(prompt: Prompt, fault: Fault | Deviation | None) -> str:
    if not prompt.wants_json:
        return chat_reply(prompt)
    talk = learner_talk(prompt.transcript, prompt.facts)
    schema = prompt.schema or {"properties": {"answer": {"type": "string"}}}
    instance = SchemaAnswer(schema, talk).instance()
    if isinstance(fault, Deviation) and isinstance(instance, dict):
        return deviating(instance, talk, fault)
    return json.dumps(instance, ensure_ascii=False)


def _spoilt(text: str, fault: Fault | Deviation | None) -> str:
    if fault is Fault.BROKEN_JSON:
        return text[: len(text) * 2 // 3]
    if fault is Fault.SCHEMA_BREACH:
        return json.dumps({"unexpected": text[:40]}, ensure_ascii=False)
    return text


def _pieces(text: str, characters: int) -> tuple[str, ...]:
    return tuple(text[start : start + characters] for start in range(0, len(text), characters)) or ("",)


def _interrupted(reply: Reply, planned: PlannedFault, prompt: Prompt) -> Reply:
    begun = reply.pieces[: planned.after_chunks]
    match planned.fault:
        case Fault.BLOCKED_PROMPT:
            usage = replace(reply.prompt_usage, thinking=0)
            return Reply((), usage, finish_reason=None, block_reason="PROHIBITED_CONTENT")
        case Fault.OUT_OF_ROOM:
            half = reply.pieces[: max(len(reply.pieces) // 2, 1)]
            return replace(reply, pieces=half, finish_reason="MAX_TOKENS")
        case Fault.ONLY_THOUGHTS:
            thoughts = replace(reply.prompt_usage, thinking=prompt.max_output_tokens or ENDLESS_THOUGHTS)
            return Reply((), thoughts, finish_reason="MAX_TOKENS")
        case Fault.BLOCKED_ANSWER:
            return replace(reply, pieces=begun, finish_reason="SAFETY")
        case Fault.CUT_STREAM:
            return replace(reply, pieces=begun, finish_reason=None)
        case Fault.STALL_MIDSTREAM:
            return replace(reply, pieces=begun, finish_reason=None, ending=Ending.STALL)
        case Fault.DROP_CONNECTION:
            return replace(reply, pieces=begun, finish_reason=None, ending=Ending.DROP)
        case Fault.ERROR_MIDSTREAM:
            return replace(reply, pieces=begun, finish_reason=None, ending=Ending.ERROR)
    return reply
