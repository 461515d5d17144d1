"""The sentences that the emulator says, all built around the learner's own words."""

from __future__ import annotations

import re

from .prompt import Prompt
from .talk import FILLER, HEDGE, WORD, Focus, Talk, learner_talk

ASPECTS = ("clarity", "confidence", "tone", "pace", "relevance", "structure")


def chat_reply(prompt: Prompt) -> str:
    """A coach's turn in a conversation: takes up what was said, says one thing about how, and asks on."""
    talk = learner_talk(prompt.message)
    question = prompt.message.rstrip().endswith("?")
    parts = [
        f"You {'ask' if question else 'say'}: “{_short(prompt.message, 120)}”",
        f"That gives us {_listing(talk.topics)} to work with.",
        _manner(talk),
        f"Say it once more, and this time begin with {_first(talk.topics)}.",
        "What is the one thing that your listener should do afterwards?"
        if prompt.turns < 3
        else "What would the other side answer to that?",
    ]
    return " ".join(part for part in parts if part)


def phrase(names: tuple[str, ...], talk: Talk, focus: Focus) -> str:
    """The text of a member of an answer, by the names on the way to it, innermost last."""
    name = re.sub(r"[^a-z]", "", names[-1].lower()) if names else "text"
    aspect = next((part.lower() for part in reversed(names) if part.lower() in ASPECTS), None)
    if name in ("quote", "excerpt", "span"):
        return focus.sentence
    if name in ("summary", "overview"):
        return _summary(talk)
    if name in ("title", "name", "heading"):
        return f"{'Keep' if focus.strength else 'Tighten'} “{_short(focus.sentence, 40)}”"
    if name in ("why", "reason", "rationale"):
        return _why(talk, focus)
    if name in ("exercise", "practice", "drill", "how"):
        return f"Say “{_short(focus.sentence, 80)}” three times aloud, {_drill(focus)}, then record it."
    if aspect:
        return f"{aspect.capitalize()}: {_judgement(aspect, talk)} An example: “{_short(focus.sentence, 90)}”"
    return _comment(focus)


def _summary(talk: Talk) -> str:
    return (
        f"You spoke {len(talk.words)} words in {len(talk.sentences)} sentences, most of all about "
        f"{_listing(talk.topics)}. {_manner(talk)}"
    ).strip()


def _manner(talk: Talk) -> str:
    if talk.fillers:
        return f"“{talk.fillers[0]}” and its like come {len(talk.fillers)} times: pause instead."
    if talk.hedges:
        return f"“{talk.hedges[0]}” takes strength from what you claim."
    return "You come to the point without fillers."


def _judgement(aspect: str, talk: Talk) -> str:
    if aspect == "confidence":
        return f"{len(talk.hedges)} hedges in {len(talk.words)} words."
    if aspect == "clarity":
        return f"{len(talk.fillers)} fillers, {talk.mean_sentence_words:.0f} words in a mean sentence."
    if aspect == "relevance":
        return f"you stay with {_listing(talk.topics)}."
    return f"judged on {len(talk.sentences)} sentences about {_first(talk.topics)}."


def _why(talk: Talk, focus: Focus) -> str:
    if focus.strength:
        return f"It carries {_first(talk.topics)} in {len(WORD.findall(focus.sentence))} plain words."
    return f"Your listener waits for {_first(talk.topics)} here. {_comment(focus)}"


def _comment(focus: Focus) -> str:
    words = len(WORD.findall(focus.sentence))
    if filler := FILLER.search(focus.sentence):
        return f"“{filler.group()}” fills a gap here: leave it out and breathe instead."
    if hedge := HEDGE.search(focus.sentence):
        return f"“{hedge.group()}” makes this smaller than you mean it."
    if words > 25:
        return f"{words} words in one breath: split it after “{_short(focus.sentence, 30)}”"
    return f"{words} words, no detour: “{_short(focus.sentence, 50)}” is easy to follow."


def _drill(focus: Focus) -> str:
    if FILLER.search(focus.sentence):
        return "with silence where the filler was"
    return "each time a little slower" if focus.strength else "each time with fewer words"


def _short(text: str, characters: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else flat[:characters].rsplit(" ", 1)[0] + " …"


def _first(topics: list[str]) -> str:
    return f"“{topics[0]}”" if topics else "your point"


def _listing(topics: list[str]) -> str:
    return ", ".join(f"“{topic}”" for topic in topics) or "your point"
