"""Hedges: phrases that soften a claim, apart from the same words in their literal use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from cara.speech.closed_classes import NUMBERS
from cara.speech.degrees import is_degree
from cara.speech.marker_phrases import marker_indexes
from cara.speech.phrases import Company, FoundPhrase, PhraseList, phrase_use, word_after, word_before
from cara.speech.schemas import PhraseUse
from cara.speech.word_classes import (
    AUXILIARY,
    BE,
    CONJUNCTION,
    FINITE,
    MODAL,
    OPEN,
    PERSON,
    THING,
    WOULD,
    classes_after,
)
from cara.speech.words import BREAK, END, Words, drop_words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_QUESTIONING = _words("what how when who do did does to why as if whatever")
_OPINION = Company(not_after=_QUESTIONING)
_PERSONS = _words("you him her them us me")
_KINDS = _words(
    "a an the this that these those what which some any every each one another no same other different "
    "new my your his its our their certain right best only first two three many few all"
)
_QUANTITIES = _words("half a the twice double equal equally speaking one-third two-thirds") | NUMBERS
_APPROXIMATELY = Company(only_before=_QUANTITIES)

_DOUBTS = tuple(
    " ".join(filter(None, words))
    for words in product(
        ("not", "i'm not", "i am not", "we're not", "we are not"),
        (
            "", "really", "so", "too", "very", "quite", "entirely", "totally", "completely", "absolutely",
            "fully", "exactly", "a hundred percent", "one hundred percent", "100 percent",
        ),
        ("sure", "certain"),
    )
)  # fmt: skip

# Those that soften beside any words.
_PLAIN = (
    *_DOUBTS,
    # opinions
    "i'd guess", "i would guess", "i'd say", "i would say", "i'd think", "i would think", "i should think",
    "i don't think", "in my opinion", "in my view", "i wonder if", "i wonder whether", "i was wondering",
    "suppose so",
    # likelihood
    "maybe", "perhaps", "possibly", "probably", "presumably", "conceivably", "arguably", "most likely",
    "could maybe", "could perhaps", "could possibly",
    # appearance
    "it seems", "it seemed", "seems", "seem to", "seems to", "seemed to", "it appears that", "appear to",
    "appears to", "appeared to", "it would seem", "it would appear", "apparently",
    "supposedly", "tend to", "tends to",
    # degree
    "somewhat", "to some extent", "to a certain extent", "to some degree", "in some ways",
    "or something like that", "or something along those lines",
    # doubt about oneself
    "i'm unsure", "i might be wrong", "i may be wrong", "i could be wrong",
    "i'm no expert", "as far as i know", "as far as i can tell", "as far as i can see", "to my knowledge",
    "if i'm not mistaken", "if i am not mistaken", "if i remember correctly", "if i remember rightly",
    "if that makes sense", "to be honest",
    # attempts
    "i'll try", "i will try", "we'll try", "we will try",
)  # fmt: skip
_IN_COMPANY = {
    "i think": Company(
        not_after=_QUESTIONING,
        not_before=_words("of about in aloud twice ahead back hard through fast clearly carefully"),
    ),
    "i believe": Company(not_after=_QUESTIONING, not_before=_words("in every") | _PERSONS),
    "i guess": Company(not_after=_QUESTIONING, not_before=_words("at")),
    "i suppose": _OPINION,
    "we think": Company(not_after=_QUESTIONING, not_before=_words("of about in alike")),
    "we believe": Company(not_after=_QUESTIONING, not_before=_words("in every") | _PERSONS),
    "i assume": Company(not_after=_QUESTIONING, not_before=_words("responsibility full the")),
    "i suspect": Company(not_after=_QUESTIONING, not_before=_PERSONS),
    "i imagine": Company(not_after=_QUESTIONING, not_before=_PERSONS | _words("a an what how being")),
    "i reckon": _OPINION,
    "i feel": Company(),
    "i feel like": Company(),
    "i feel that": _OPINION,
    "could be": Company(not_before=_words("heard seen found reached used done made bought felt")),
    "might": Company(
        not_after=_words("my your his her its our their all the with of"), not_before=_words("i we")
    ),
    "likely": Company(
        not_after=_words("more less equally as how not so the an a"),
        not_before=_words("candidate candidates"),
    ),
    "roughly": _APPROXIMATELY,
    "approximately": _APPROXIMATELY,
    "more or less": Company(not_before=_words("than of")),
    "or something": Company(
        only_before=_words("and but so because when if at in on for before after") | {""}
    ),
    "kind of": Company(not_after=_KINDS, not_before=_PERSONS),
    "sort of": Company(not_after=_KINDS),
    "kinda": Company(),
    "sorta": Company(),
    "just": Company(
        only_before=_words(
            "a an wanted want wondering wondered thinking thought saying say trying try need think feel "
            "checking check asking ask hoping hope my some quickly curious suggesting suggest"
        )
    ),
}
_IN_CONTEXT = ("a bit", "a little", "a little bit", "in a way", "may")
_COMPANY = dict.fromkeys((*_PLAIN, *_IN_CONTEXT), Company()) | _IN_COMPANY
_PHRASES = PhraseList(_COMPANY)

_BEFORE_MONTH = _words(
    "in of since by until till from during before after for last next early late mid every each through "
    "between on to and or"
)
_AFTER_NO_MODAL = _words("i we the was is were has had now begin enter proceed") | NUMBERS | {""}
_MOMENTS = _words("moment minute second sec few while")  # `just a moment` asks for time
_MAX_SUBJECT_WORDS = 5
_STANDING_FOR_VERBS = BE | AUXILIARY | MODAL | WOULD  # `I think like you do`
_AFTER_MANNER = _words("that which of to")


def count_hedges(fluent: Words) -> PhraseUse:
    """Counts hedges in the fluent words: in all, per 100 of these, and by phrase.

    A hedge tells that the speaker holds a claim back. Counted are opinions and guesses (`I think`, `I don't
    think`, `I believe`, `I suppose`, `I'd say`, `in my view`), likelihood (`maybe`, `probably`, `might`,
    `may`, `could be`, `likely`), appearance (`it seems`, `appears to`, `apparently`), approximation
    (`roughly` and `approximately` with a number, `more or less`, `or something`), degree (`a bit`, `a
    little`, `somewhat`, `kind of`, `in a way`), doubt about oneself (`I'm not sure`, `as far as I know`, `if
    that makes sense`), attempts (`I'll try`), `to be honest`, and `just` where it minimizes (`I just wanted`,
    not `just now`). A comma within changes nothing.
    Not counted: `I think of`, `I think like a lawyer`, `I feel like tea`, `I believe in`, quantity and size
    (`a little girl`, `a bit of bread`), the month, the wish and the request (`in May`, `May I ask`), ability
    (`we could see it`), `with all his might`, `a kind of tree`, `suppose that`, and every phrase that counts
    as a filler.
    Norm: hedges are a tone signal and no error; advice is due only above 4 in 100 words. Source: Lakoff 1973,
    Journal of Philosophical Logic 2; Hyland 1998, Hedging in Scientific Research Articles; for approximation
    Prince, Frader & Bosk 1982, On hedging in physician-physician discourse.
    Limit: words can't tell polite caution from doubt, nor permission (`you may go`) from possibility.
    """
    whole = list(_hedges(fluent))
    taken = {index for found in whole for index in range(found.start, found.end)}
    return phrase_use([*whole, *_split_hedges(fluent, taken)], fluent)


def _hedges(words: Words) -> Iterator[FoundPhrase]:
    return (found for found in _PHRASES.find(words, across=BREAK) if _softens(words, found))


def _split_hedges(fluent: Words, taken: set[int]) -> Iterator[FoundPhrase]:
    """Yields the hedges that words stand in which may be fillers: `I well guess` softens, too."""
    markers = marker_indexes(fluent.lower)
    if markers:
        kept = sorted(set(range(len(fluent))).difference(markers))
        for found in _hedges(drop_words(fluent, markers)):
            at = kept[found.start : found.end]
            if at[-1] - at[0] >= len(at) and taken.isdisjoint(at):
                yield found


def _softens(words: Words, hedge: FoundPhrase) -> bool:
    if not _COMPANY[hedge.phrase].suits(words, hedge):
        return word_after(words, hedge).isdigit() and hedge.phrase in ("roughly", "approximately")
    match hedge.phrase:
        case "a bit" | "a little" | "a little bit":
            return is_degree(words, hedge)
        case "i believe":  # `I believe it.` asserts
            return word_after(words, hedge) != "it" or not _ends_clause(words, hedge.end)
        case "i think" | "we think":  # `I think like a lawyer.` tells how
            return word_after(words, hedge) != "like" or _begins_clause(words, hedge.end + 1)
        case "i feel like":  # `I feel like dancing.` is a wish
            return _begins_clause(words, hedge.end)
        case "i feel":  # `I feel it.` tells what
            return not _ends_clause(words, hedge.end - 1) and _has_subject(words, hedge.end)
        case "in a way":
            return _is_aside(words, hedge)
        case "just":
            return _MOMENTS.isdisjoint(words.lower[hedge.end + 1 : hedge.end + 2])
        case "may":
            return _is_modal(words, hedge)
        case _:
            return True


def _ends_clause(words: Words, index: int) -> bool:
    return bool(words.after[index] & (BREAK | END))


def _begins_clause(words: Words, index: int) -> bool:
    """Returns whether a subject and its verb follow: `we lost`, `the team will win`; not `a lawyer would`."""
    for end in range(index + 1, min(len(words), index + _MAX_SUBJECT_WORDS)):
        classes = classes_after(words.lower[end])
        if _ends_clause(words, end - 1) or classes & CONJUNCTION:
            return False
        if classes & FINITE:
            return not (classes & _STANDING_FOR_VERBS and _ends_clause(words, end))
        if end == index + 1 and _has_subject(words, index):
            return True
    return False


def _has_subject(words: Words, index: int) -> bool:
    """Returns whether a pronoun with a verb follows; `it` and `you` may be objects: `I feel it coming`."""
    if index + 1 >= len(words) or _ends_clause(words, index):
        return False
    subject, verb = words.lower[index : index + 2]
    if subject in ("it", "you"):
        return bool(classes_after(verb) & (FINITE | OPEN))
    return subject == "that's" or bool(classes_after(subject) & (PERSON | THING))


def _is_aside(words: Words, phrase: FoundPhrase) -> bool:
    """Returns whether the phrase stands apart from the sentence, at its start or its end, or at a comma."""
    if word_after(words, phrase) in _AFTER_MANNER:
        return False
    return not word_before(words, phrase) or _ends_clause(words, phrase.end - 1)


def _is_modal(words: Words, may: FoundPhrase) -> bool:
    """Returns whether `may` is a verb that tells what is possible: neither month nor wish nor request."""
    before, following, raw = word_before(words, may), word_after(words, may), words.raw[may.start]
    if not before or before in _BEFORE_MONTH or raw == "May":
        return False
    return following not in _AFTER_NO_MODAL and not following[0].isdigit()
