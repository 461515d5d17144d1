"""Assertives: phrases that commit the speaker to a claim, a plan or a result."""

from __future__ import annotations

from itertools import product

from cara.speech.closed_classes import DETERMINERS
from cara.speech.phrases import Company, FoundPhrase, PhraseList, phrase_use, word_after, word_before
from cara.speech.schemas import PhraseUse
from cara.speech.words import ASKED, BREAK, END, Words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What takes a commitment back, or asks for it: `if we will`, `I hope I will`, `should I recommend`.
_NOT_AFTER = _words(
    "if whether unless maybe perhaps possibly probably think believe guess suppose hope doubt wish imagine "
    "should shall can could do does did would may had have what how"
)
_UNDECIDED = _words("try think consider maybe perhaps possibly probably likely hopefully attempt")
# These leave open what is done before some words, or at the end: `we'll see if`, `I will have to`.
_UNDECIDED_BEFORE = {
    "have": _words("to no"),
    "see": _words("if whether what how when where why who which about") | {""},
    "look": frozenset({""}),
    "wait": _words("and until till") | {""},
}
_OTHERS = _words(
    "you you're you've you'll you'd your he he's his she she's her they they're they've they'll their "
    "everyone everybody someone somebody there's"
)
_PLACES = DETERMINERS | _words(
    "this that these those bed school church town college university court lunch dinner him them you her "
    "me us"
)
_PERSONS = ("i", "we")

_REFUSALS = ("i won't", "we won't")
_PLANS = ("i will", "i'll", "we will", "we'll")
_INTENTIONS = tuple(map(" ".join, product(("i'm", "i am", "we're", "we are"), ("going to", "gonna"))))
_ENGAGING = ("recommend", "propose", "insist", "promise", "guarantee", "commit")
_STRESSING = ("do", "strongly", "highly", "really", "fully", "firmly", "also", "must")
_CLAIMS = (
    *map(" ".join, product(_PERSONS, _ENGAGING)),
    *map(" ".join, product(_PERSONS, _STRESSING, _ENGAGING)),
    *map(" ".join, product(_PERSONS, ("can",), (*_ENGAGING, "assure you"))),
    *map(" ".join, product(("i'm", "i am", "we're", "we are"), ("confident", "convinced", "committed"))),
    "my recommendation is", "our recommendation is", "my advice is", "our advice is", "there is no doubt",
    "there's no doubt", "the result was", "the result is", "the results were", "the results are",
)  # fmt: skip
_CERTAINTIES = tuple(map(" ".join, product(("i'm", "i am", "we're", "we are"), ("sure", "certain"))))
_BOOSTERS = ("definitely", "certainly", "undoubtedly", "unquestionably", "without doubt", "without a doubt")
_ACTORS = (
    "i", "we", "i have", "we have", "i've", "we've", "i also", "we also", "i successfully", "we successfully",
    "i personally",
)  # fmt: skip
_ACHIEVED = (
    "accelerated accomplished achieved automated beat built closed coached completed convinced coordinated "
    "created cut decided delivered designed developed directed doubled earned established exceeded executed "
    "expanded finished fixed founded generated grew grown halved hired implemented improved increased "
    "initiated introduced invented launched led lowered managed mastered mentored migrated modernized "
    "negotiated organised organized oversaw pioneered planned presented produced promoted published raised "
    "rebuilt recruited redesigned reduced resolved restructured saved secured shipped simplified sold solved "
    "standardized streamlined supervised surpassed taught trained transformed tripled won wrote written"
).split()
_DEEDS = frozenset(map(" ".join, product(_ACTORS, _ACHIEVED)))
_EVERYDAY_DEEDS = map(" ".join, product(_ACTORS, ("cut", "closed", "raised", "saved")))  # `I raised my hand`
_AIMED = map(" ".join, product(_ACTORS, ("managed", "planned")))  # `I managed to miss it`
_GROWN = map(" ".join, product(_ACTORS, ("grew", "grown")))
_COMPANY = (
    dict.fromkeys(_PLANS, Company(not_after=_NOT_AFTER, not_before=_UNDECIDED))
    | dict.fromkeys(_REFUSALS, Company(not_after=_NOT_AFTER, not_before=_UNDECIDED | {"be"}))
    | dict.fromkeys(_INTENTIONS, Company(not_after=_NOT_AFTER, not_before=_UNDECIDED | _PLACES))
    | dict.fromkeys(_CLAIMS, Company(not_after=_NOT_AFTER))
    | dict.fromkeys(_CERTAINTIES, Company(not_after=_NOT_AFTER, not_before=_OTHERS))
    | dict.fromkeys(_BOOSTERS, Company(not_after=_words("not never almost nearly"), not_before=_words("not")))
    | dict.fromkeys(_DEEDS, Company(not_after=_NOT_AFTER))
    | dict.fromkeys(_EVERYDAY_DEEDS, Company(not_after=_NOT_AFTER, not_before=_words("my myself")))
    | dict.fromkeys(_AIMED, Company(not_after=_NOT_AFTER, not_before=_words("to on")))
    | dict.fromkeys(_GROWN, Company(not_after=_NOT_AFTER, not_before=_words("up tired")))
)
_PHRASES = PhraseList(_COMPANY)
_EVERYDAY_THINGS = _words(
    "door doors window windows gate curtains blinds eyes mouth lid drawer tab tabs laptop grass lawn bread "
    "cake hair finger hand hands glass eyebrow eyebrows breakfast lunch dinner meal coffee drink "
    "sandwich homework"
)
_WORDS_OF_OBJECT = 3
_WITHOUT_OBJECT = ("won", "grew", "grown")
_ANSWERS = _words("yes yeah yep no oh okay ok") | {""}


def count_assertives(fluent: Words) -> PhraseUse:
    """Counts assertives in the fluent words: in all, per 100 of these, and by phrase.

    An assertive commits the speaker. Counted are plans and refusals (`I will`, `we won't`, `I'm going to`),
    recommendations and promises (`I strongly recommend`, `my advice is`), confidence (`I'm confident`, `I'm
    sure that we`), boosters (`definitely`, `certainly`), and results told in the first person: a verb of
    achievement and what was achieved (`I increased revenue`, `we have built a team`), once for each subject,
    however many verbs follow; `the result was` too.
    Not counted: what is asked or put under a condition (`if we will`), hedged (`I hope I will`) or left open
    (`we'll see`, `I'll try`, `I will have to`), inability (`I won't be able`), what is of no account or was
    no more than planned (`I closed the door`, `I planned to go`), what others feel or do (`I'm sure you are
    busy`, `he decided`), and a booster that is denied or alone an answer (`Definitely not.`, `Certainly.`).
    Norm: none; advice is due only together with hedges. Source: the boosters of Hyland 1998, Hedging in
    Scientific Research Articles, limited to what speakers say of their own deeds.
    Limit: words can't tell a serious promise from a light one, nor a great deed from a small one.
    """
    asked = {
        index
        for start, end in fluent.sentences
        if fluent.after[end - 1] & ASKED
        for index in range(start, end)
    }
    found = (each for each in _PHRASES.find(fluent, across=BREAK) if each.start not in asked)
    return phrase_use((each for each in found if _commits(fluent, each)), fluent)


def _commits(words: Words, found: FoundPhrase) -> bool:
    phrase = found.phrase
    if not _COMPANY[phrase].suits(words, found):
        return False
    if phrase in _BOOSTERS:
        return not word_before(words, found).endswith("n't") and not _is_answer(words, found)
    if phrase in _PLANS:
        return not _is_undecided(words, found)
    if phrase in _INTENTIONS:  # `going to Rome` tells where
        return word_after(words, found) != "" and words.raw[found.end][0].islower()
    if phrase in _CERTAINTIES and word_after(words, found) == "that":
        return _OTHERS.isdisjoint(words.lower[found.end + 1 : found.end + 2])
    return phrase not in _DEEDS or phrase.endswith(_WITHOUT_OBJECT) or _has_object(words, found)


def _is_undecided(words: Words, plan: FoundPhrase) -> bool:
    """Returns whether the verb of the plan leaves it open, as it does at the end of a clause."""
    open_before = _UNDECIDED_BEFORE.get(word_after(words, plan))
    if not open_before:
        return False
    following = word_after(words, FoundPhrase("", plan.end, plan.end + 1))
    return following in open_before or ("" in open_before and bool(words.after[plan.end] & BREAK))


def _has_object(words: Words, deed: FoundPhrase) -> bool:
    """Returns whether something follows that is worth telling: `I closed the shop`, but not `the door`."""
    after = words.lower[deed.end : deed.end + _WORDS_OF_OBJECT]
    return bool(word_after(words, deed)) and _EVERYDAY_THINGS.isdisjoint(after)


def _is_answer(words: Words, booster: FoundPhrase) -> bool:
    """Returns whether it is all that is said, or what is said before a comma: `Certainly, sir`."""
    return word_before(words, booster) in _ANSWERS and bool(words.after[booster.end - 1] & (BREAK | END))
