"""What the emulator writes about a talk: from its measures and from the learner's own sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from cara.devtools.emulator.passages import DETAIL, Passage, Passages, improvements
from cara.devtools.emulator.prompt import Facts, Prompt
from cara.devtools.emulator.transcript import count_words

ASPECTS = ("clarity", "pace", "tone", "confidence", "relevance", "structure")
MANY = 2.0
"""Fillers or hedges in a hundred words, above which they are the first thing to change."""
LONG_SENTENCE_WORDS = 20

THANKS = re.compile(r"(?i)\b(?:thank you|thanks|please|welcome|appreciate)\b")
TOGETHER = re.compile(r"(?i)\b(?:we|our|us)\b")
LINK = re.compile(r"(?i)\b(?:(?:first|then|next)(?=[,:]| (?:i|we|the)\b)|because|therefore|finally)\b")

QUESTIONS = (
    "Who are you going to say this to, and what should they do afterwards? Now give me your opening "
    "sentence, word for word, as if they sat across from you.",
    "Now the other side answers: “I am not convinced.” What do you say next? Two sentences are enough.",
    "Say it once more in half as many words, and end with the one thing that you want.",
)


@dataclass(frozen=True)
class Action:
    """One thing to practise; the exercise begins with the learner's own words."""

    title: str
    why: str
    exercise: str


def chat_reply(prompt: Prompt) -> str:
    """A coach's turn in a conversation: takes up what was said, remarks on one phrase, and asks for more."""
    passages = Passages(prompt.message, Facts())
    remark = "That is a clear place to start."
    if flawed := next((one for one in passages.all if one.needless), None):
        remark = (
            f"It sounds surer without {_listing(flawed.needless[:1])}; a short silence does the same work."
        )
    question = QUESTIONS[prompt.turns // 2 % len(QUESTIONS)]
    return f"I hear: “{_shorten(prompt.message, 120)}” {remark} {question}"


class Advice:
    """The texts and scores of a judgement of one talk. Every number in them is one of the facts."""

    def __init__(self, transcript: str, facts: Facts) -> None:
        self.facts = facts
        self.talk = Passages(transcript, facts)
        self._first = self.talk.sentences[0] if self.talk.sentences else self.talk.text
        self._last = self.talk.sentences[-1] if self.talk.sentences else self.talk.text
        self._ends_with_question = self._last.endswith("?")

    def summary(self) -> str:
        """The strongest sentence, and the one change that matters most."""
        best = next((one for one in self.talk.all if one.strength), None)
        title = self.actions[0].title
        change = f"What would help most now: {title[0].lower()}{title[1:]}."
        return f"Your strongest sentence is “{best.quote}” {change}" if best else change

    def comment(self, passage: Passage) -> str:
        """What a passage does to the listener and, for an improvement, how it would do more."""
        if passage.strength:
            return self._praise(passage.sentence)
        if passage.repeated_sentence:
            return "You say this more than once. Said once, it has more weight."
        if passage.needless and passage.improved:
            return f"Without {_listing(passage.needless)} it is stronger: “{passage.improved}”"
        if passage.improved:
            return f"You start over here. Plan the sentence, then say it once: “{passage.improved}”"
        if passage.needless:
            return (
                f"You take this back with {_listing(passage.needless)}. Name what you want, then the reason."
            )
        if not passage.is_long:
            return "Your longest sentence. Try it as two, with the more important half first."
        half = " ".join(passage.second_half.split()[:5])
        words = count_words(passage.sentence)
        return f"{words} words without a stop are hard to follow by ear. Try a full stop before “{half} …”."

    def _praise(self, sentence: str) -> str:
        if committed := next((one for one in self._assertives if one in sentence), None):
            return f"“{committed}” leaves no doubt who stands behind this."
        if sentence.endswith("?"):
            return "A question hands the conversation to the other side and shows that the answer matters."
        if DETAIL.search(sentence):
            return "A concrete detail: your listener can picture it and repeat it to others."
        return "One thought in plain words: it is understood at the first hearing."

    @cached_property
    def actions(self) -> list[Action]:
        """What to practise, the most useful first; at least three."""
        needed = [self._fewer_fillers(), self._fewer_hedges(), self._shorter_sentences()]
        opening = Action(
            "Open with your point",
            "Your first sentence decides what listeners expect of the rest.",
            f"Before “{_shorten(self._first, 80)}”, say in ten words what should be remembered.",
        )
        ending = Action(
            "End with the next step",
            "Your last sentence is what the other side acts on.",
            f"After “{_shorten(self._last, 80)}”, say who does what by when, and stop there.",
        )
        best, longest = self.talk.all[0].sentence, max([*self.talk.sentences, ""], key=len)
        strength = Action(
            "Build on what works",
            self._praise(best),
            f"Say “{_shorten(best, 100)}” aloud, then add one more sentence of the same kind.",
        )
        shortening = Action(
            "Say it in fewer words",
            "What is short is easier to remember, and to repeat to others.",
            f"Say “{_shorten(longest, 100)}” again in half as many words.",
        )
        usual = [opening, strength, shortening] if self._ends_with_question else [opening, ending, strength]
        return [*filter(None, needed), *usual]

    def _fewer_fillers(self) -> Action | None:
        worst = next((one for one in improvements(self.talk.all) if one.fillers), None)
        if worst is None or self.facts.rate("fillers") <= MANY:
            return None
        return Action(
            "Pause instead of filling the gap",
            f"{self._fillers()} Silence sounds calm and gives you the same time to think.",
            f"Say “{_shorten(worst.improved or worst.sentence, 120)}” three times. "
            f"Where {_listing(worst.fillers[:1]).lower()} wants to come, breathe.",
        )

    def _fewer_hedges(self) -> Action | None:
        hedged = [one for one in improvements(self.talk.all) if one.hedges]
        if not hedged or self.facts.rate("hedges") <= MANY:
            return None
        # The sentence that gains most by leaving words out.
        best = min(hedged, key=lambda one: len(one.improved or one.sentence) / len(one.sentence))
        return Action(
            "Make your case without hedging",
            f"{self._hedges()} Others take you at your word.",
            f"Say “{_shorten(best.improved or best.sentence, 120)}”, then stop. "
            "Count to three before you give one reason.",
        )

    def _shorter_sentences(self) -> Action | None:
        long = next((one for one in improvements(self.talk.all) if one.is_long), None)
        if long is None:
            return None
        words = self.facts.number("longestSentenceWords")
        return Action(
            "Split your long sentences",
            ("" if words is None else f"The longest has {words:g} words. ")
            + "Readers can go back to the beginning of a sentence; listeners cannot.",
            f"Take “{_shorten(long.sentence, 80)}” and say it as two or three sentences, each in one breath.",
        )

    def aspect(self, name: str) -> str:
        """One or two sentences on clarity, pace, tone, confidence, relevance or structure."""
        match name:
            case "clarity":
                return f"{self._fillers()} {self._length()}".strip()
            case "pace":
                return self._pace()
            case "tone":
                return self._tone()
            case "confidence":
                return self._hedges()
            case "relevance":
                return self._relevance()
        return self._structure()

    def _tone(self) -> str:
        if kind := THANKS.search(self.talk.text):
            return f"Your “{kind.group().lower()}” makes it pleasant to listen to you."
        if self.facts.english and len(TOGETHER.findall(self.talk.text)) > 2:
            return "You speak of “we” and “our”, which takes your listeners along."
        return "Matter-of-fact. A sentence on why this matters to you, or to them, would add warmth."

    def _relevance(self) -> str:
        clean_first = sorted(self.talk.all, key=lambda passage: not passage.strength)
        if detail := next((one.quote for one in clean_first if DETAIL.search(one.quote)), None):
            return f"“{_shorten(detail, 90)}” gives your listener a fact to remember."
        return "One figure, name or example would make your point easier to remember."

    def _structure(self) -> str:
        links = _unique(LINK.findall(self.talk.text))
        way = "Words such as “first” and “because” would show where you are going."
        if len(links) > 1:
            way = f"With {_listing(links[:2])} you show where you are going."
        end = f"You end with “{_shorten(self._last, 90)}”"
        return f"{way} {end}" + (
            ", which gives the other side the next word." if self._ends_with_question else ""
        )

    def _fillers(self) -> str:
        count = self.facts.number("fillers", "count")
        if count is None:
            return ""
        if self.facts.rate("fillers") <= MANY:
            return (
                "Hardly a filler is in the way of your words."
                if count
                else "No filler is in the way of your words."
            )
        return (
            f"{_counted(count, 'filler', self.facts.counts('fillers', 'byWord'))} between you and your point."
        )

    def _length(self) -> str:
        mean = self.facts.number("meanSentenceWords")
        if mean is None:
            return "One thought in each sentence is the surest way to be understood."
        verdict = "easy to follow" if mean <= LONG_SENTENCE_WORDS else "more than a listener can hold at once"
        return f"A sentence has {mean:g} words on average, {verdict}."

    def _hedges(self) -> str:
        count = self.facts.number("hedges", "count")
        if count is None:
            return "Say in one sentence what you stand for, and leave it there."
        if self.facts.rate("hedges") > MANY:
            phrases = self.facts.counts("hedges", "phrases")
            return f"{_counted(count, 'hedge', phrases)} between you and your claim."
        if self._assertives:
            return f"You take a stand, as with {_listing(self._assertives[:2])}."
        return "You hardly hedge, so you sound sure. “I recommend” or “I will” would make it a commitment."

    def _pace(self) -> str:
        speed = self.facts.number("speakingWordsPerMinute")
        low, high = self.facts.number("paceNorm", "low"), self.facts.number("paceNorm", "high")
        if self.facts.members.get("wordsPerMinuteImplausible"):
            return "The number of words does not fit the duration, so the pace cannot be judged."
        if speed is None or low is None or high is None:
            return "The pace cannot be judged from this transcript."
        usual = f"the usual {low:g} to {high:g}"
        if speed < low:
            return f"{speed:g} words a minute are below {usual}: there is time for an example."
        if speed > high:
            return f"{speed:g} words a minute are above {usual}: let each point arrive before the next."
        return f"{speed:g} words a minute are within {usual}: easy to keep up with."

    def score(self, aspect: str) -> float:
        """The score of an aspect, 0 to 100; for any other name the mean of all aspects."""
        scores = self._scores
        return scores.get(aspect, sum(scores.values()) / len(scores))

    @cached_property
    def _scores(self) -> dict[str, float]:
        fillers, hedges, assertives = (self.facts.rate(name) for name in ("fillers", "hedges", "assertives"))
        excess = max((self.facts.number("meanSentenceWords") or 0) - LONG_SENTENCE_WORDS, 0)
        details = sum(bool(DETAIL.search(sentence)) for sentence in self.talk.sentences)
        warmth = len(THANKS.findall(self.talk.text)) + bool(TOGETHER.search(self.talk.text))
        scores = {
            "clarity": 94 - 3 * fillers - 1.5 * excess,
            "pace": 84 - fillers,
            "tone": 70 + 6 * min(warmth, 3) - hedges,
            "confidence": 82 + 4 * min(assertives, 3) - 4 * hedges - fillers,
            "relevance": 66 + 5 * min(details, 5) - hedges / 2,
            "structure": 64 + 7 * min(len(_unique(LINK.findall(self.talk.text))), 4) - (fillers + excess) / 2,
        }
        return {aspect: min(max(score, 5.0), 98.0) for aspect, score in scores.items()}

    @cached_property
    def _assertives(self) -> list[str]:
        """The counted phrases of commitment, as the transcript spells them."""
        phrases = self.facts.counts("assertives", "phrases") or {}
        found = (re.search(rf"(?i)\b{re.escape(phrase)}\b", self.talk.text) for phrase in phrases)
        return [match.group() for match in found if match]


def _counted(count: float, thing: str, phrases: dict[str, int] | None) -> str:
    """Such as `31 fillers, most often “um” and “uh”, stand`."""
    often = sorted(phrases or {}, key=lambda phrase: -(phrases or {})[phrase])[:2]
    if count == 1:
        return f"1 {thing}, {_listing(often)}, stands"
    return f"{count:g} {thing}s, {'most often ' if len(phrases or {}) > 2 else ''}{_listing(often)}, stand"


def _unique(found: list[str]) -> list[str]:
    return list({one.lower(): one for one in reversed(found)}.values())[::-1]


def _listing(phrases: list[str] | tuple[str, ...]) -> str:
    *others, last = [f"“{phrase}”" for phrase in phrases]
    return f"{', '.join(others)} and {last}" if others else last


def _shorten(text: str, characters: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else flat[:characters].rsplit(" ", 1)[0] + " …"
