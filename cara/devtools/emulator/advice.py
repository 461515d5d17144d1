"""What the emulator writes about a talk: from its measures and from the learner's own sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cara.devtools.emulator.passages import DETAIL, MANY_IN_A_HUNDRED, Passage, Passages, improvements
from cara.devtools.emulator.prompt import Facts
from cara.devtools.emulator.transcript import listing, shorten, unique

LONG_SENTENCE_WORDS = 20

THANKS = re.compile(r"(?i)\b(?:thank you|thanks|please|welcome|appreciate)\b")
TOGETHER = re.compile(r"(?i)\b(?:we|our|us)\b")
LINK = re.compile(r"(?i)\b(?:(?:first|then|next)(?=[,:]| (?:i|we|the)\b)|because|therefore|finally)\b")

DETAIL_PRAISE = "A concrete detail: your listener can picture it and repeat it to others."
MORE_DETAIL_PRAISE = "Exact where others stay vague: that makes you believable."
PLAIN_PRAISE = "One thought in plain words: it is understood at the first hearing."
MORE_PLAIN_PRAISE = "Short and to the point: nothing here could be left out."


@dataclass(frozen=True)
class Action:
    """One thing to practise; the exercise begins with the learner's own words."""

    title: str
    why: str
    exercise: str


class Advice:
    """The texts and scores of a judgement of one talk. Every number in them is one of the facts."""

    def __init__(self, transcript: str, facts: Facts, focus: Sequence[str] = ()) -> None:
        self.facts = facts
        self._focus = focus
        self.talk = Passages(transcript, facts)
        self._first = self.talk.sentences[0] if self.talk.sentences else self.talk.text
        self._last = self.talk.sentences[-1] if self.talk.sentences else self.talk.text
        self._ends_with_question = self._last.endswith("?")

    def summary(self) -> str:
        """Returns the strongest sentence, and the one change that matters most."""
        best = next((one for one in self.talk.all if one.strength), None)
        title = self.actions[0].title
        change = f"What would help most now: {title[0].lower()}{title[1:]}."
        return f"Your strongest sentence is “{best.quote}” {change}" if best else change

    def comment(self, passage: Passage) -> str:
        """Returns what a passage does to the listener and, for an improvement, how it would do more."""
        if passage.strength:
            return self._praise(passage.sentence)
        if passage.repeated_sentence:
            return "You say this more than once. Said once, it has more weight."
        if passage.needless and passage.improved:
            return f"Without {listing(passage.needless)} it is stronger: “{passage.improved}”"
        if passage.improved:
            return f"You start over here. Plan the sentence, then say it once: “{passage.improved}”"
        if passage.hedges:
            return f"You take this back with {listing(passage.hedges)}. Name what you want, then the reason."
        if passage.fillers:
            return f"Begin with the first word that matters, without {listing(passage.fillers)}."
        if not passage.is_long:
            return "Your longest sentence. Try it as two, with the more important half first."
        half = " ".join(passage.second_half.split()[:5])
        return f"This needs more than one breath to say or to follow. Try a full stop before “{half} …”."

    def _praise(self, sentence: str) -> str:
        if committed := next((one for one in self._assertives if one in sentence), None):
            return f"“{committed}” leaves no doubt who stands behind this."
        if sentence.endswith("?"):
            return "A question hands the conversation to the other side and shows that the answer matters."
        first = sentence == self.talk.all[0].sentence
        if DETAIL.search(sentence):
            return DETAIL_PRAISE if first else MORE_DETAIL_PRAISE
        return PLAIN_PRAISE if first else MORE_PLAIN_PRAISE

    @cached_property
    def actions(self) -> list[Action]:
        """What to practise, the most useful first; at least three."""
        needed = [
            self._on_focus(),
            self._fewer_fillers(),
            self._fewer_hedges(),
            self._shorter_sentences(),
        ]
        opening = Action(
            "Open with your point",
            "Your first sentence decides what listeners expect of the rest.",
            f"Before “{shorten(self._first, 80)}”, say in ten words what should be remembered.",
        )
        ending = Action(
            "End with the next step",
            "Your last sentence is what the other side acts on.",
            f"After “{shorten(self._last, 80)}”, say who does what by when, and stop there.",
        )
        best, longest = self.talk.all[0].sentence, max([*self.talk.sentences, ""], key=len)
        strength = Action(
            "Build on what works",
            self._praise(best),
            f"Say “{shorten(best, 100)}” aloud, then add one more sentence of the same kind.",
        )
        shortening = Action(
            "Say it in fewer words",
            "What is short is easier to remember, and to repeat to others.",
            f"Say “{shorten(longest, 100)}” again in half as many words.",
        )
        usual = [opening, strength, shortening] if self._ends_with_question else [opening, ending, strength]
        return [*filter(None, needed), *usual]

    def _on_focus(self) -> Action | None:
        if not self._focus:
            return None
        return Action(
            f"Keep working on {shorten(self._focus[0], 80)}",
            "You chose this as a focus of the session.",
            f"Say “{shorten(self._first, 100)}” three times with nothing but this in mind.",
        )

    def _fewer_fillers(self) -> Action | None:
        worst = next((one for one in improvements(self.talk.all) if one.fillers), None)
        if worst is None or self.facts.rate("fillers") <= MANY_IN_A_HUNDRED:
            return None
        return Action(
            "Pause instead of filling the gap",
            f"{self._fillers()} Silence sounds calm and gives you the same time to think.",
            f"Say “{shorten(worst.improved or worst.sentence, 120)}” three times. "
            f"Where {listing(worst.fillers[:1]).lower()} wants to come, breathe.",
        )

    def _fewer_hedges(self) -> Action | None:
        hedged = [one for one in improvements(self.talk.all) if one.hedges]
        if not hedged or self.facts.rate("hedges") <= MANY_IN_A_HUNDRED:
            return None
        # The sentence that gains most by leaving words out.
        best = min(hedged, key=lambda one: len(one.improved or one.sentence) / len(one.sentence))
        return Action(
            "Make your case without hedging",
            f"{self._hedges()} Others take you at your word.",
            f"Say “{shorten(best.improved or best.sentence, 120)}”, then stop. "
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
            f"Take “{shorten(long.sentence, 80)}” and say it as two or three sentences, each in one breath.",
        )

    @cached_property
    def aspects(self) -> dict[str, str]:
        """One or two sentences on each aspect."""
        return {
            "clarity": f"{self._fillers()} {self._length()}".strip(),
            "pace": self._pace(),
            "tone": self._tone(),
            "confidence": self._hedges(),
            "relevance": self._relevance(),
            "structure": self._structure(),
        }

    def _tone(self) -> str:
        if kind := THANKS.search(self.talk.text):
            return f"Your “{kind.group().lower()}” makes it pleasant to listen to you."
        if self.facts.english and len(TOGETHER.findall(self.talk.text)) > 2:
            return "You speak of “we” and “our”, which takes your listeners along."
        return "Matter-of-fact. A sentence on why this matters to you, or to them, would add warmth."

    def _relevance(self) -> str:
        clean_first = sorted(self.talk.all, key=lambda passage: not passage.strength)
        if detail := next((one.quote for one in clean_first if DETAIL.search(one.quote)), None):
            return f"“{shorten(detail, 90)}” gives your listener a fact to remember."
        return "One figure, name or example would make your point easier to remember."

    def _structure(self) -> str:
        links = unique(LINK.findall(self.talk.text))
        way = "Words such as “first” and “because” would show where you are going."
        if len(links) > 1:
            way = f"With {listing(links[:2])} you show where you are going."
        end = f"You end with “{shorten(self._last, 70)}”"
        return f"{way} {end}" + (
            ", which gives the other side the next word." if self._ends_with_question else ""
        )

    def _fillers(self) -> str:
        count = self.facts.number("fillers", "count")
        if count is None:
            return ""
        if self.facts.rate("fillers") <= MANY_IN_A_HUNDRED:
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
        if self.facts.rate("hedges") > MANY_IN_A_HUNDRED:
            phrases = self.facts.counts("hedges", "phrases")
            return f"{_counted(count, 'hedge', phrases)} between you and your claim."
        if self._assertives:
            return f"You take a stand, as with {listing(self._assertives[:2])}."
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

    @cached_property
    def scores(self) -> dict[str, float]:
        """The score of each aspect, 0 to 100."""
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
            "structure": 64 + 7 * min(len(unique(LINK.findall(self.talk.text))), 4) - (fillers + excess) / 2,
        }
        return {aspect: min(max(score, 5.0), 98.0) for aspect, score in scores.items()}

    @cached_property
    def _assertives(self) -> list[str]:
        """The counted phrases of commitment, as the transcript spells them."""
        phrases = self.facts.counts("assertives", "phrases") or {}
        found = (re.search(rf"(?i)\b{re.escape(phrase)}\b", self.talk.text) for phrase in phrases)
        return [match.group() for match in found if match]


def _counted(count: float, thing: str, phrases: dict[str, int] | None) -> str:
    """Returns a phrase such as `31 fillers, most often “um” and “uh”, stand`."""
    often = sorted(phrases or {}, key=lambda phrase: -(phrases or {})[phrase])[:2]
    if count == 1:
        return f"1 {thing}, {listing(often)}, stands"
    return f"{count:g} {thing}s, {'most often ' if len(phrases or {}) > 2 else ''}{listing(often)}, stand"
