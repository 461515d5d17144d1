"""Overused words: content words that come back much more often than their kind does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from stop_words import safe_get_stop_words

from cara.speech.applicability import MIN_COMPARED_WORDS, has_known_function_words
from cara.speech.languages import ENGLISH
from cara.speech.phrases import per_hundred
from cara.speech.schemas import OverusedWord
from cara.speech.stop_words import STOP_WORDS
from cara.speech.words import Words

MAX_OVERUSED_WORDS = 10
_MIN_USES = 4
_MIN_PER_HUNDRED_WORDS = 2
_MIN_LETTERS, _MAX_LETTERS = 3, 30
_MAX_ELIDED_LETTERS = 5

# Beside those by which English is recognized. No adverbs of degree: `really` is a word that people overuse.
_ENGLISH_FUNCTION_WORDS = (
    "about above across after again against ago all almost along already also although always among any "
    "anybody anyone anything around away back because been before behind being below beneath beside besides "
    "between beyond both came can cannot come comes could did does doing done down during each eight either "
    "else enough even ever every everybody everyone everything few five for four from get gets getting goes "
    "going gone gonna got had has have having hence her here hers herself him himself his how however "
    "hundred into its itself let many may maybe might million mine more most much must myself near neither "
    "never nine nobody none nor not nothing now off often okay once one ones only onto other others ought "
    "our ours ourselves out over own perhaps put quite rather same see seven several shall she should since "
    "six some somebody someone something sometimes somewhere still such ten than that the their theirs them "
    "themselves then there therefore these they this those though thousand three through thus till today "
    "together tomorrow tonight too toward towards two under unless until upon use used using very was way "
    "went were what whatever when whenever where wherever whether which while who whoever whole whom whose "
    "why will with within without would yeah yes yesterday yet you your yours yourself yourselves"
).split()
_MENDED_TURKISH = str.maketrans("ýþð", "ışğ")
"""The list of Turkish words is in Latin-1, read as if it were that of Western Europe."""

_SAME_LETTERS_OTHER_WORD = frozenset("news goods means thanks customs arms glasses evening united".split())
_ENDINGS = (
    ("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")
)  # fmt: skip
_BEFORE_ES = ("s", "x", "z", "ch", "sh", "o")  # `planes` are no plans
_SHORT_STEM = re.compile(r"[^aeiouy]*[aeiou][^aeiouwxy]")


def overused_words(fluent: Words, language: str) -> list[OverusedWord] | None:
    """Returns the content words that are at least 2 in 100 fluent words, and said at least 4 times.

    At most ten, the most frequent first. Function words, numbers and names (words with a capital wherever
    they stand, except in German) are none. In English plurals and forms in -ed and -ing count with their
    stem if that occurs too; elsewhere each form counts alone. None under 50 fluent words, and for languages
    whose function words are not known.
    Norm: none; the limits are a rule of our own, ten times what any form of a noun, an adjective or a lexical
    verb reaches in a million words of English (Kučera & Francis 1967, Computational Analysis of Present-Day
    American English).
    Limit: the words of the topic are listed too: whether one of them is too many is for the speaker to say.
    """
    if not has_known_function_words(language) or len(fluent) < MIN_COMPARED_WORDS:
        return None
    uses = Counter(_content_words(fluent, language))
    if language == ENGLISH:
        uses = _by_stem(uses)
    least = max(_MIN_USES, _MIN_PER_HUNDRED_WORDS * len(fluent) / 100)
    return [
        OverusedWord(word=word, count=count, per_hundred_words=per_hundred(count, len(fluent)))
        for word, count in uses.most_common(MAX_OVERUSED_WORDS)
        if count >= least
    ]


def _content_words(fluent: Words, language: str) -> Iterator[str]:
    bare = {word: _bare(word, language) for word in set(fluent.lower)}
    function_words, names = _function_words(language), _names(fluent, bare, language)
    content = {
        word: stem
        for word, stem in bare.items()
        if _MIN_LETTERS <= len(stem) <= _MAX_LETTERS
        and not stem[0].isdigit()
        and word not in function_words
        and stem not in function_words
        and stem not in names
    }
    return (content[word] for word in fluent.lower if word in content)


def _bare(word: str, language: str) -> str:
    """Returns the word without what an apostrophe joins to it: `plan` of `plan's`, `idée` of `l'idée`.

    Of a negated verb (`won't`) nothing is left.
    """
    if language in ("fr", "it"):
        article, apostrophe, noun = word.partition("'")
        return noun if apostrophe and len(article) <= _MAX_ELIDED_LETTERS else word
    return "" if word.endswith("n't") else word.partition("'")[0]


def _names(fluent: Words, bare: dict[str, str], language: str) -> set[str]:
    """Returns the words with a capital wherever they stand, which is within a sentence at least once.

    None in German, whose nouns have one, and where most words have one.
    """
    small = {bare[lower] for raw, lower in zip(fluent.raw, fluent.lower, strict=True) if raw == lower}
    if language == "de" or 2 * sum(map(str.islower, fluent.raw)) < len(fluent):
        return set()
    starts = {start for start, _ in fluent.sentences}
    within = (index for index in range(len(fluent)) if index not in starts)
    return {bare[fluent.lower[index]] for index in within if fluent.raw[index][0].isupper()} - small


@cache
def _function_words(language: str) -> frozenset[str]:
    if language == ENGLISH:  # the list of the library has half of the content words that people overuse
        return frozenset([*STOP_WORDS[language].split(), *_ENGLISH_FUNCTION_WORDS])
    listed = safe_get_stop_words(language)
    if language == "tr":
        listed = [word.translate(_MENDED_TURKISH) for word in listed]
    return frozenset(listed)


def _by_stem(uses: Counter[str]) -> Counter[str]:
    """Returns the counts with those of plurals and of forms in -ed and -ing added to their stem's."""
    together: Counter[str] = Counter()
    for word, count in uses.items():
        together[next((stem for stem in _stems(word) if stem in uses), word)] += count
    return together


def _stems(word: str) -> Iterator[str]:
    """Yields what the word may be a form of: `plan` of `plans`, `planned` and `planning`."""
    if word in _SAME_LETTERS_OTHER_WORD or word.endswith(("ss", "us", "is")):
        return
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _MIN_LETTERS or (ending == "es" and not stem.endswith(_BEFORE_ES)):
            continue
        if ending in ("ed", "ing") and not instead:
            if stem[-1] == stem[-2]:
                yield stem[:-1]
            if _SHORT_STEM.fullmatch(stem):
                continue  # would be doubled: `caring` is no form of `car`
        yield stem + instead
