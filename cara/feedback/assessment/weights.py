"""How much each component counts in the overall score: one table, a reason beside every weight."""

from __future__ import annotations

# Percent of the overall score; those of each feature type add up to 100. Writing has no pace.
WEIGHTS: dict[str, dict[str, int]] = {
    "conversation": {
        "pace": 10,  # partners adapt to one another's speed, so it seldom decides a conversation
        "clarity": 20,  # the other side has to understand at first hearing
        "confidence": 20,  # who hedges each claim is taken at less than they ask for
        "tone": 20,  # a conversation is a relation: tone keeps it open
        "relevance": 20,  # an answer has to answer what was asked
        "structure": 10,  # turns are short and carry little structure
    },
    "writing": {
        "clarity": 30,  # a reader can't ask back
        "confidence": 10,  # caution is often right on paper
        "tone": 15,  # there is no voice to soften a word
        "relevance": 20,  # readers leave a text that isn't for them
        "structure": 25,  # order is how a reader finds their way
    },
    "accent": {
        "pace": 20,  # sounds need time to be heard, and haste swallows them
        "clarity": 40,  # being understood is what is practised
        "confidence": 15,  # hesitation hides what is already well said
        "tone": 10,  # melody is practised too, and a transcript shows little of it
        "relevance": 10,  # the text is often given
        "structure": 5,  # the text is often given, and its order with it
    },
    "listening": {
        "pace": 5,  # how fast one answers says little of what was heard
        "clarity": 15,  # what was understood has to be said so that it can be checked
        "confidence": 10,  # asking back is good listening, so doubt costs little
        "tone": 10,  # a listener's tone invites the other to go on
        "relevance": 45,  # an answer that fits is the proof of having listened
        "structure": 15,  # main points told apart from detail show understanding
    },
    "video": {
        "pace": 15,  # an audience can't slow the speaker down
        "clarity": 20,  # an audience hears everything once
        "confidence": 20,  # a presenter has to stand by the message
        "tone": 15,  # tone keeps people watching
        "relevance": 10,  # the speaker chose the topic, so it seldom misses
        "structure": 20,  # a talk of some minutes is lost without a thread
    },
}
