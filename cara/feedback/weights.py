"""How much each component counts in the overall score: one table, a reason beside every weight."""

from __future__ import annotations

from typing import NamedTuple


class Weight(NamedTuple):
    """Percent of the overall score, and why."""

    percent: int
    reason: str


# The weights of each feature type add up to 100. Writing has no pace.
WEIGHTS: dict[str, dict[str, Weight]] = {
    "conversation": {
        "pace": Weight(10, "partners adapt to one another's speed, so it seldom decides a conversation"),
        "clarity": Weight(20, "the other side has to understand at first hearing"),
        "confidence": Weight(20, "who hedges each claim is taken at less than they ask for"),
        "tone": Weight(20, "a conversation is a relation: tone keeps it open"),
        "relevance": Weight(20, "an answer has to answer what was asked"),
        "structure": Weight(10, "turns are short and carry little structure"),
    },
    "writing": {
        "clarity": Weight(30, "a reader can't ask back"),
        "confidence": Weight(10, "caution is often right on paper"),
        "tone": Weight(15, "there is no voice to soften a word"),
        "relevance": Weight(20, "readers leave a text that isn't for them"),
        "structure": Weight(25, "order is how a reader finds their way"),
    },
    "accent": {
        "pace": Weight(20, "sounds need time to be heard, and haste swallows them"),
        "clarity": Weight(40, "being understood is what is practised"),
        "confidence": Weight(15, "hesitation hides what is already well said"),
        "tone": Weight(10, "melody is practised too, and a transcript shows little of it"),
        "relevance": Weight(10, "the text is often given"),
        "structure": Weight(5, "the text is often given, and its order with it"),
    },
    "listening": {
        "pace": Weight(5, "how fast one answers says little of what was heard"),
        "clarity": Weight(15, "what was understood has to be said so that it can be checked"),
        "confidence": Weight(10, "asking back is good listening, so doubt costs little"),
        "tone": Weight(10, "a listener's tone invites the other to go on"),
        "relevance": Weight(45, "an answer that fits is the proof of having listened"),
        "structure": Weight(15, "main points told apart from detail show understanding"),
    },
    "video": {
        "pace": Weight(15, "an audience can't slow the speaker down"),
        "clarity": Weight(20, "an audience hears everything once"),
        "confidence": Weight(20, "a presenter has to stand by the message"),
        "tone": Weight(15, "tone keeps people watching"),
        "relevance": Weight(10, "the speaker chose the topic, so it seldom misses"),
        "structure": Weight(20, "a talk of some minutes is lost without a thread"),
    },
}
