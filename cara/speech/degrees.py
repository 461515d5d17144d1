"""`A bit` and `a little`: degree, which softens (`a little late`), apart from quantity (`a little bread`)."""

from __future__ import annotations

from cara.speech.phrases import FoundPhrase, word_after, word_before
from cara.speech.words import Words

_ARTICLES = frozenset({"a", "an"})
# They take an amount as their object: `we have a little`, `I know a bit about it`.
_QUANTIFYING_VERBS = frozenset(
    "have has had having got get gets want wants wanted need needs needed like eat eats ate eating "
    "drink drank add added buy bought know knows knew learn learned take took give gave put use used "
    "speak speaks spoke save saved wait waited rest rested quite not every".split()
)
# No noun or adjective begins here, so that `a little` has none.
_BEYOND = frozenset(
    "about for from in on at to with and or but by into because if when while that which i you we he she it "
    "they then as before after so".split()
)
_GRADABLE = frozenset(
    "more less too late early tired nervous hard tough high low long short slow fast off strange odd "
    "weird different better worse behind over under above below unsure unclear sorry afraid sad upset "
    "unusual cold hot warm dark loud quiet soft sharp rough tight loose heavy light weak strong sick "
    "lost stuck rude shy scary tricky risky funny busy messy easy crazy lazy angry hungry thirsty noisy "
    "pricey lonely vague bored later earlier longer shorter faster slower higher lower bigger smaller "
    "larger harder easier quicker closer further farther sooner older younger stronger weaker clearer "
    "louder deeper wider cheaper safer simpler warmer colder nicer extra much up down out confusing "
    "boring annoying surprising worrying disappointing embarrassing challenging frustrating "
    "overwhelming misleading difficult expensive complex abrupt unfair concerned worried confused "
    "scared aware harsh blunt naive formal informal unusual premature uneven bitter tense cautious "
    "skeptical critical optimistic pessimistic".split()
)
_ADJECTIVAL = tuple("ly ous ful less ive able ible ical istic atic onal ish ward ed".split())
_MIN_ADJECTIVAL_LETTERS = 6
_NOUNS = frozenset(
    "family butterfly assembly vegetable timetable professional hundred native olive archive handful "
    "english".split()
)


def is_degree(words: Words, phrase: FoundPhrase) -> bool:
    """Returns whether `a bit`, `a little` or `a little bit` says how much something is so.

    Else it says how much there is of something. It is degree before an adjective or adverb (`a little late`,
    `a bit too fast`), after a verb that takes no amount (`we moved a little`), and in `a bit of a risk`.
    Limit: adjectives are known by a list and by their endings; other words are taken for nouns.
    """
    following = word_after(words, phrase)
    if following == "of":
        return not _ARTICLES.isdisjoint(words.lower[phrase.end + 1 : phrase.end + 2])
    if not following or following in _BEYOND:
        return word_before(words, phrase) not in _QUANTIFYING_VERBS
    return phrase.phrase != "a little" or following in _GRADABLE or _is_adjectival(following)


def _is_adjectival(word: str) -> bool:
    return len(word) >= _MIN_ADJECTIVAL_LETTERS and word.endswith(_ADJECTIVAL) and word not in _NOUNS
