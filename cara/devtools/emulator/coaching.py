"""The sentences that the emulator says, built around the learner's own words and what was counted in them."""

from __future__ import annotations

import re

from cara.devtools.emulator.prompt import Prompt
from cara.devtools.emulator.talk import LONG_WORDS, MANY_FILLERS, Focus, Talk, learner_talk
from cara.devtools.emulator.wording import COMMITMENT, COURTESY, FIGURE, LINK, WORD

ASPECTS = ("clarity", "confidence", "tone", "pace", "relevance", "structure")
LONG_SENTENCE = 20


def chat_reply(prompt: Prompt) -> str:
    """A coach's turn in a conversation: takes up what was said, says one thing about how, and asks on."""
    talk = learner_talk(prompt.message)
    question = prompt.message.rstrip().endswith("?")
    parts = [
        f"You {'ask' if question else 'say'}: “{_short(prompt.message, 120)}”",
        f"That gives us {_listing(talk.topics)} to work with." if talk.topics else "",
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
        return focus.quote
    if name in ("summary", "overview"):
        return f"You keep to {_listing(talk.topics)}. {_change(talk)}"
    if name in ("title", "name", "heading"):
        return f"{_task(focus)} “{_short(focus.sentence, 40)}”"
    if name in ("exercise", "practice", "drill", "how"):
        return f"Say “{_short(focus.sentence, 80)}” three times aloud, {_drill(talk, focus)}, then record it."
    if aspect:
        example = _example(aspect, talk)
        return _judgement(aspect, talk) + (f" An example: “{_short(example, 90)}”" if example else "")
    return _comment(talk, focus)


def _manner(talk: Talk) -> str:
    for sentence in talk.sentences:
        if fillers := talk.fillers_in(sentence):
            return f"“{fillers[0]}” only fills a gap: pause instead."
        if talk.hedges_matter and (hedges := talk.hedges_in(sentence)):
            return f"“{hedges[0]}” takes strength from what you say."
    return ""


def _change(talk: Talk) -> str:
    """The one change that matters most, by what was counted."""
    facts = talk.facts
    if (facts.number("fillers", "perHundredWords") or 0) > MANY_FILLERS:
        return f"{_counted(talk, 'filler')}, {_among(facts.phrases('fillers', 'byWord'))}: pause instead."
    if facts.number("hedges", "count") and talk.hedges_matter:
        return f"{_counted(talk, 'hedge')}, {_among(facts.phrases('hedges', 'phrases'))}: say it outright."
    mean = facts.number("meanSentenceWords") or 0
    if mean > LONG_SENTENCE:
        return f"A sentence of yours has {mean:g} words on average: 15 to 20 are easier to follow."
    return _manner(talk) or "Little stands between you and your listener: go on like that."


def _judgement(aspect: str, talk: Talk) -> str:
    match aspect:
        case "clarity":
            return _clarity(talk)
        case "confidence":
            return _confidence(talk)
        case "pace":
            return _pace(talk)
        case "relevance":
            return f"You stay with {_listing(talk.topics)}."
        case "tone" if talk.facts.english:
            kind = COURTESY.search(talk.text)
            return (
                f"“{kind.group()}” takes the other side in." if kind else "Matter-of-fact: no word of thanks."
            )
        case "structure" if talk.facts.english:
            links = list(dict.fromkeys(link.lower() for link in LINK.findall(talk.text)))
            if links:
                return f"The way is shown by {_listing(links[:2])}."
            return "No word shows the way yet, such as “first” or “because”."
    return "Judged by the words alone."


def _clarity(talk: Talk) -> str:
    mean = talk.facts.number("meanSentenceWords")
    length = "" if mean is None else f"A sentence has {mean:g} words on average."
    if talk.facts.number("fillers", "count") is None:
        return length or "One thought a sentence is easy to follow."
    return f"{_counted(talk, 'filler')}. {length}".rstrip()


def _confidence(talk: Talk) -> str:
    if talk.facts.number("hedges", "count") is None:
        return "Say outright what you stand for."
    return f"{_counted(talk, 'hedge')}. {_counted(talk, 'assertive', 'phrase of commitment')}."


def _pace(talk: Talk) -> str:
    speed = talk.facts.number("speakingWordsPerMinute")
    low, high = talk.facts.number("paceNorm", "low"), talk.facts.number("paceNorm", "high")
    if talk.facts.implausible:
        return "Words and duration do not belong together, so that no speed can be told."
    if speed is None or low is None or high is None:
        return "There is no speed to judge here."
    where = "below" if speed < low else "above" if speed > high else "within"
    when = "" if speed == talk.facts.number("wordsPerMinute") else " while you speak"
    return f"{speed:g} words a minute{when} are {where} the usual {low:g} to {high:g}."


def _example(aspect: str, talk: Talk) -> str | None:
    """A sentence of the talk in which the aspect shows."""
    match aspect:
        case "clarity":
            return min(talk.focuses, key=lambda focus: focus.strength).quote or None
        case "confidence":
            hedged = (sentence for sentence in talk.sentences if talk.hedges_in(sentence))
            return next(hedged, None) or talk.with_match(COMMITMENT)
        case "tone" if talk.facts.english:
            return talk.with_match(COURTESY)
        case "structure" if talk.facts.english:
            return talk.with_match(LINK)
        case "relevance" if talk.topics:
            return talk.with_match(re.compile(rf"(?i)\b{re.escape(talk.topics[0])}\b"))
    return None


def _comment(talk: Talk, focus: Focus) -> str:
    return _praise(talk, focus.sentence) if focus.strength else _criticism(talk, focus.sentence)


def _praise(talk: Talk, sentence: str) -> str:
    if sentence.endswith("?"):
        return "A question takes the other side in."
    if talk.facts.english and (link := LINK.search(sentence)):
        return f"“{link.group()}” leads your listener on."
    if talk.facts.english and COMMITMENT.search(sentence):
        return "You stand by it, in plain words."
    if FIGURE.search(sentence):
        return "Something definite, which a listener can keep."
    return "One thought, plainly put."


def _criticism(talk: Talk, sentence: str) -> str:
    if talk.says_again(sentence):
        return "You say this more than once: once is enough."
    fillers, hedges = talk.fillers_in(sentence), talk.hedges_in(sentence)
    if hedges and talk.hedges_matter and len(hedges) >= len(fillers):
        return f"{_listing(hedges)}: you make this smaller than you mean it."
    if fillers:
        return f"{_listing(fillers)}: leave the gap open and breathe instead."
    if again := talk.said_again_in(sentence):
        return f"“{again}”: you start over here. Take a breath first."
    if _is_long(sentence):
        return "It goes on for more than one breath: make two sentences of it."
    if lead_in := talk.lead_in_of(sentence):
        return f"“{lead_in}” comes before what matters: begin with that."
    if hedges:
        return f"{_listing(hedges)}: it can do without."
    return "The longest of your sentences: try it with fewer words."


def _task(focus: Focus) -> str:
    if focus.strength:
        return "Keep"
    return "Split" if _is_long(focus.sentence) else "Tighten"


def _drill(talk: Talk, focus: Focus) -> str:
    if focus.strength:
        return "each time as if to somebody else"
    hedges = talk.hedges_in(focus.sentence) if talk.hedges_matter else []
    if needless := talk.fillers_in(focus.sentence) + hedges:
        return f"without {_listing(needless)}"
    return "as two sentences" if _is_long(focus.sentence) else "each time with fewer words"


def _is_long(sentence: str) -> bool:
    return len(WORD.findall(sentence)) > LONG_WORDS


def _counted(talk: Talk, measure: str, thing: str | None = None) -> str:
    """How many of a measure were counted, as a sentence without its end."""
    count = int(talk.facts.number(f"{measure}s", "count") or 0)
    first, *rest = (thing or measure).split(" ")
    things = " ".join([first if count == 1 else f"{first}s", *rest])
    if count == 1:
        return f"1 {things} was counted"
    return f"{count or 'No'} {things} were counted"


def _among(phrases: list[str] | None) -> str:
    among = "among them " if len(phrases or []) > 2 else ""
    return among + _listing((phrases or [])[:2])


def _short(text: str, characters: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else flat[:characters].rsplit(" ", 1)[0] + " …"


def _first(topics: list[str]) -> str:
    return f"“{topics[0]}”" if topics else "your point"


def _listing(topics: list[str]) -> str:
    *others, last = [f"“{topic}”" for topic in topics] or ["your point"]
    return f"{', '.join(others)} and {last}" if others else last
