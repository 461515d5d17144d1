"""Composes the reply to a prompt, with the fault or deviation that is planned for it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from itertools import accumulate

from cara.devtools.emulator.advice import Advice
from cara.devtools.emulator.deviations import write_judgement
from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Fault, PlannedFault, Switch, WireDeviation
from cara.devtools.emulator.passages import Passages
from cara.devtools.emulator.prompt import Facts, Prompt
from cara.devtools.emulator.schema_answers import TALK_SCHEMA, SchemaAnswer
from cara.devtools.emulator.tokens import TokenUsage, count_tokens, cut_to_tokens, tokens_of_characters
from cara.devtools.emulator.transcript import listing, shorten

ENDLESS_THOUGHTS = 8_192
"""The tokens of thinking without a limit of output."""
THINKING_TOKENS = {"minimal": 64, "low": 256, "medium": 2_048, "high": 6_000}
DEFAULT_LEVEL = "high"
"""How Gemini 3 thinks if a request does not say it."""
BEYOND_BMP = "\U0001f642"
HIGH_SURROGATE, LOW_SURROGATE = "\ud83d", "\ude42"
"""The same character in UTF-16."""

QUESTIONS = (
    "Who are you going to say this to, and what should they do afterwards? Now give me your opening "
    "sentence, word for word, as if they sat across from you.",
    "Now the other side answers: “I am not convinced.” What do you say next? Two sentences are enough.",
    "Say it once more in half as many words, and end with the one thing that you want.",
)


class Ending(Enum):
    """What happens on the connection after the last chunk."""

    COMPLETE = auto()
    STALL = auto()
    DROP = auto()
    RESET = auto()
    ERROR = auto()


@dataclass(frozen=True)
class Reply:
    """An answer in chunks, with its usage. Without a `finish_reason` it was cut off.

    `accepted_usage` is what it costs before its first chunk. Thoughts are billed with the first chunk.
    """

    chunks: tuple[str, ...]
    accepted_usage: TokenUsage
    thinking_tokens: int = 0
    finish_reason: str | None = "STOP"
    block_reason: str | None = None
    ending: Ending = Ending.COMPLETE
    switches: frozenset[Switch] = frozenset()

    @property
    def count(self) -> int:
        """The number of chunks on the wire: an answer without text has one, too."""
        return max(len(self.chunks), 1)

    @property
    def is_whole(self) -> bool:
        """Whether its last chunk ends the answer, so that nothing that follows can interrupt it."""
        return bool(self.finish_reason or self.block_reason) or self.ending is Ending.COMPLETE

    def ends_with(self, chunks: int) -> bool:
        """Whether the last of so many chunks is the one with the reason why the answer ends."""
        return chunks >= self.count and bool(self.finish_reason or self.block_reason)

    @property
    def starts(self) -> bool:
        """Whether a first byte of it is written."""
        return bool(self.chunks) or self.ending is not Ending.DROP

    def usage(self, chunks: int) -> TokenUsage:
        """Returns what the answer has cost after its first `chunks` chunks."""
        if not chunks:
            return self.accepted_usage
        output = self._output_tokens[min(chunks, len(self.chunks))]
        accepted = self.accepted_usage
        return TokenUsage(accepted.prompt, output, self.thinking_tokens, accepted.cached)

    @cached_property
    def _output_tokens(self) -> list[int]:
        """The tokens of the first chunks, by their number."""
        characters = accumulate(map(len, self.chunks), initial=0)
        return [tokens_of_characters(count) for count in characters]


def compose(prompt: Prompt, settings: EmulatorSettings, planned: PlannedFault | None) -> Reply:
    """Returns the reply to `prompt`, with what is planned for it."""
    switches: frozenset[Switch] = planned.switches if planned else frozenset()
    text, finish_reason = _text(prompt, switches), "STOP"
    thinking = _thinking_tokens(prompt, settings)
    if prompt.max_output_tokens is not None:
        thinking = min(thinking, prompt.max_output_tokens)
        room = prompt.max_output_tokens - thinking
        finish_reason = "STOP" if count_tokens(text) <= room else "MAX_TOKENS"
        text = cut_to_tokens(text, room)
    usage = TokenUsage(prompt=prompt.tokens, cached=min(settings.cached_tokens, prompt.tokens))
    chunks = _chunks(text, settings.chunk_characters, switches)
    reply = Reply(chunks, usage, thinking, finish_reason, switches=switches)
    if planned is None:
        return reply
    return _interrupted(_ended(reply), planned, prompt)


def _thinking_tokens(prompt: Prompt, settings: EmulatorSettings) -> int:
    if not settings.thinking_by_level:
        return settings.thinking_tokens
    return THINKING_TOKENS.get(prompt.thinking_level or DEFAULT_LEVEL, THINKING_TOKENS[DEFAULT_LEVEL])


def _text(prompt: Prompt, switches: Collection[Switch]) -> str:
    if not prompt.wants_json:
        text = _chat_reply(prompt)
        return f"{BEYOND_BMP} {text}" if WireDeviation.SPLIT_SURROGATES in switches else text
    advice = Advice(prompt.transcript, prompt.facts, prompt.focus)
    instance = SchemaAnswer(prompt.schema or TALK_SCHEMA, advice).instance()
    text = _break(write_judgement(instance, advice.talk.text, switches), switches)
    if WireDeviation.SPLIT_SURROGATES in switches:
        return text.replace('": "', f'": "{BEYOND_BMP} ', 1)
    return text


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


def _break(text: str, switches: Collection[Switch]) -> str:
    if Fault.BROKEN_JSON in switches:
        return text[: len(text) * 2 // 3]
    if Fault.SCHEMA_BREACH in switches:
        return json.dumps({"unexpected": text[:40]}, ensure_ascii=False)
    return text


def _chunks(text: str, characters: int, switches: Collection[Switch]) -> tuple[str, ...]:
    if WireDeviation.SPLIT_SURROGATES in switches and BEYOND_BMP in text:
        before, after = text.split(BEYOND_BMP, 1)
        return _cut(f"{before}{HIGH_SURROGATE}", characters) + _cut(f"{LOW_SURROGATE}{after}", characters)
    return _cut(text, characters)


def _cut(text: str, characters: int) -> tuple[str, ...]:
    return tuple(text[start : start + characters] for start in range(0, len(text), characters))


def _ended(reply: Reply) -> Reply:
    """Returns the reply with what the connection does after a whole answer."""
    if WireDeviation.RESET_AFTER_FINISH in reply.switches:
        return replace(reply, ending=Ending.RESET)
    if WireDeviation.SILENT_AFTER_FINISH in reply.switches:
        return replace(reply, ending=Ending.STALL)
    return reply


def _interrupted(reply: Reply, planned: PlannedFault, prompt: Prompt) -> Reply:
    begun = reply.chunks[: planned.after_chunks]
    match planned.failure:
        case Fault.BLOCKED_PROMPT:
            return replace(reply, chunks=(), thinking_tokens=0, finish_reason=None, block_reason="SAFETY")
        case Fault.OUT_OF_ROOM:
            half = reply.chunks[: max(len(reply.chunks) // 2, 1)]
            return replace(reply, chunks=half, finish_reason="MAX_TOKENS")
        case Fault.ONLY_THOUGHTS:
            thoughts = prompt.max_output_tokens or ENDLESS_THOUGHTS
            return replace(reply, chunks=(), thinking_tokens=thoughts, finish_reason="MAX_TOKENS")
        case Fault.BLOCKED_ANSWER | Fault.RECITATION | Fault.LANGUAGE as fault:
            return replace(reply, chunks=begun, finish_reason=FINISH_REASONS[fault])
        case Fault.CUT_STREAM:
            return replace(reply, chunks=begun, finish_reason=None, ending=Ending.COMPLETE)
        case Fault.STALL_MIDSTREAM | Fault.DROP_CONNECTION | Fault.ERROR_MIDSTREAM as fault:
            return replace(reply, chunks=begun, finish_reason=None, ending=ENDINGS[fault])
    return reply


FINISH_REASONS = {
    Fault.BLOCKED_ANSWER: "SAFETY",
    Fault.RECITATION: "RECITATION",
    Fault.LANGUAGE: "LANGUAGE",
}
ENDINGS = {
    Fault.STALL_MIDSTREAM: Ending.STALL,
    Fault.DROP_CONNECTION: Ending.DROP,
    Fault.ERROR_MIDSTREAM: Ending.ERROR,
}
