"""Words that soften what is said, and words that stand by it."""

from __future__ import annotations

from cara.speech.phrases import Found, PhraseList, use_of
from cara.speech.schemas import PhraseUse
from cara.speech.words import Words

_HEDGES = PhraseList(
    (
        "i think", "i guess", "i feel like", "maybe", "perhaps", "possibly", "probably", "might", "could be",
        "a bit", "a little", "a little bit", "somewhat", "kind of", "sort of", "just", "if that makes sense",
        "i'm not sure", "i am not sure", "to be honest",
    )
)  # fmt: skip
_ASSERTIVES = PhraseList(
    (
        "i will", "i'll", "we will", "we'll", "i recommend", "we recommend", "i propose", "we propose",
        "i decided", "we decided", "i led", "we led", "i built", "we built", "i delivered", "we delivered",
        "i achieved", "we achieved", "i'm confident", "i am confident", "i'm sure", "i am sure",
        "i'm certain", "i am certain", "the result was", "the result is", "the results were",
        "my recommendation is", "our recommendation is", "definitely", "certainly", "undoubtedly",
    )
)  # fmt: skip

_KIND_NOUN = frozenset(
    "a an the this that these those what which some any every each one another no same other".split()
)
_MINIMISED = frozenset(
    "a an wanted want wondering wondered thinking thought saying say trying try need think feel checking "
    "check asking ask hoping hope my some quickly curious suggesting suggest".split()
)
_MY_MIGHT = frozenset("my your his her its our their all the with".split())


def hedges(fluent: Words, all_words: int) -> PhraseUse:
    """Counts hedges: in all, per 100 words and by phrase.

    The list: I think, I guess, I feel like, maybe, perhaps, possibly, probably, might, could be, a bit, a
    little, somewhat, kind of, sort of, just (minimising: `I just wanted`, not `just now`), if that makes
    sense, I'm not sure, to be honest. Left out: `I think of`, `a kind of tree`, `with all his might`, and
    every phrase that already counts as a filler (`fluent` are the words without fillers).
    Norm: a tone signal and no error; advice is due only above 4 in 100. Source: Lakoff 1973, Journal of
    Philosophical Logic 2; Hyland 1998, Hedging in Scientific Research Articles. A word list can't tell polite
    caution from doubt, nor `a little` of degree from one of size.
    """
    found = (hedge for hedge in _HEDGES.found_in(fluent) if _softens(fluent, hedge))
    return use_of((hedge.phrase for hedge in found), all_words)


def assertives(fluent: Words, all_words: int) -> PhraseUse:
    """Counts assertives: phrases that commit to a claim or a deed (`I will`, `I recommend`, `we decided`,
    `the result was`, `definitely`), in all, per 100 words and by phrase.

    No norm: advice is due only together with hedges. Source: the boosters of Hyland 1998, cut to what a
    speaker says of their own deeds. A list can't tell a promise kept from one made lightly.
    """
    return use_of((found.phrase for found in _ASSERTIVES.found_in(fluent)), all_words)


def _softens(words: Words, hedge: Found) -> bool:
    before = words.small[hedge.start - 1] if hedge.start else ""
    following = words.small[hedge.end] if hedge.end < len(words) else ""
    match hedge.phrase:
        case "i think":
            return following not in ("of", "about")
        case "i feel like":
            return following not in ("a", "an")
        case "kind of" | "sort of":
            return before not in _KIND_NOUN
        case "just":
            return following in _MINIMISED
        case "might":
            return before not in _MY_MIGHT
        case _:
            return True
