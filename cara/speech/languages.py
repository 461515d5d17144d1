"""The language of a talk: by its script and, for Latin letters, by its stop words."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import itemgetter

from cara.speech.hesitations import hesitations_among
from cara.speech.stop_words import ENGLISH_TOO, LETTERS, STOP_WORDS
from cara.speech.words import Words

ENGLISH = "en"
UNDETERMINED = "und"
UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "km", "my"})

_NAMES = {
    "en": "English", "es": "Spanish", "fr": "French", "de": "German", "it": "Italian", "pt": "Portuguese",
    "nl": "Dutch",
    "sv": "Swedish", "pl": "Polish", "tr": "Turkish", "ja": "Japanese", "zh": "Chinese", "ko": "Korean",
    "th": "Thai", "lo": "Lao", "km": "Khmer", "my": "Burmese", "el": "Greek", "he": "Hebrew",
    "und-Cyrl": "one in Cyrillic letters", "und-Arab": "one in Arabic letters",
    "und-Deva": "one in Devanagari letters", "hi": "Hindi", "mr": "Marathi", "ne": "Nepali",
    "hi-Latn": "Hindi in Latin letters", "ca": "Catalan", "da": "Danish", "fi": "Finnish", "ro": "Romanian",
    "cs": "Czech",
}  # fmt: skip
_WORDS_EXAMINED = 3000
_MIN_WORDS_TO_DOUBT_ENGLISH = 30
_MIN_STOP_WORD_SHARE = 0.1
_MIN_DISTINCT_WORDS = 2
_MIN_TIMES_ENGLISH = 1.3
_MIN_HITS, _MIN_UNCERTAIN_HITS = 3, 4
_MIN_PLAIN_LETTERS = 3
_END_OF_LATIN = "\u0250"
_PLAIN_LETTERS = str.maketrans({"ı": "i", "ß": "ss", "ł": "l", "œ": "oe"})
DOTTED_I = "i̇"
"""What the capital `İ` of Turkish becomes in lower case, where it should become `i`."""

_MAX_WINDOWS = 200
_MIN_WINDOW_WORDS, _MAX_WINDOW_WORDS = 4, 12
_SUBSTANTIAL_SHARE = 0.25

_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "HANGUL": "ko", "THAI": "th", "LAO": "lo", "KHMER": "km",
    "MYANMAR": "my", "GREEK": "el", "HEBREW": "he", "CYRILLIC": "und-Cyrl", "ARABIC": "und-Arab",
    "DEVANAGARI": "und-Deva",
}  # fmt: skip


def without_accents(text: str) -> str:
    """Returns lower-case Latin text in the letters of English; text in another script stays what it is."""
    letters = unicodedata.normalize("NFD", text.translate(_PLAIN_LETTERS))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return plain if plain.isascii() else text


def _spellings(word: str) -> tuple[str, ...]:
    """Returns a stop word as it is written, and as recognizers without accents do, if that says enough."""
    plain = without_accents(word)
    return (word, plain) if len(plain) >= _MIN_PLAIN_LETTERS else (word,)


def _by_word() -> dict[str, tuple[str, ...]]:
    languages: defaultdict[str, list[str]] = defaultdict(list)
    for language, words in STOP_WORDS.items():
        for spelling in {spelling for word in words.split() for spelling in _spellings(word)}:
            languages[spelling].append(language)
    return {word: tuple(found) for word, found in languages.items()}


_LANGUAGES_OF = _by_word()
_WITH_LETTER = {letter: set(languages.split()) for letter, languages in LETTERS.items()}
_DEVANAGARI = ("hi", "mr", "ne")
_OTHERS = frozenset(STOP_WORDS).difference({ENGLISH}, _DEVANAGARI)


def language_name(language: str) -> str:
    """Returns the English name of a language, as it stands in a sentence."""
    return _NAMES.get(language, "another language")


def detect_language(words: Words) -> str:
    """Returns the language as a BCP 47 tag, from the script and the share of stop words.

    Distinguishes the languages of `STOP_WORDS`, and scripts; the rest is `und` (undetermined). Another
    language than English needs words that English doesn't have (`no` is an English word): two different ones,
    or one among more stop words of its own than English ones. Without them, fewer than 30 words are English,
    unless there is no English stop word among them, and a letter that English doesn't have.
    Stop words without their accents are known too.
    Limit: only the first 3,000 words are examined, hesitations left out; later changes are missed. A few
    words that are none of the most frequent, such as a list of things, are taken as English.
    """
    counts = _examined(islice(words.lower, _WORDS_EXAMINED))
    return _language_of(counts, counts.total() < _MIN_WORDS_TO_DOUBT_ENGLISH)


def other_languages(words: Words, main: str) -> tuple[str, ...]:
    """Returns the languages besides the main one in which a quarter of the talk or more is.

    Sentences of four words or more are looked at one by one, longer ones in runs of twelve, and at most 200
    of these, spread over the talk. Those of no certain language are not counted, and foreign words inside a
    sentence change nothing. None if the main one is undetermined.
    """
    if main == UNDETERMINED:
        return ()
    windows = list(_windows(words))
    every = -(-len(windows) // _MAX_WINDOWS) or 1
    sizes: Counter[str] = Counter()
    for start, end in windows[::every]:
        sizes[_language_of(_examined(words.lower[start:end]), doubtful=False)] += end - start
    least = _SUBSTANTIAL_SHARE * sizes.total()
    return tuple(
        language for language, size in sizes.most_common() if size >= least and not _is_same(language, main)
    )


def _is_same(language: str, main: str) -> bool:
    """A Japanese sentence may have no kana."""
    return language in (main, UNDETERMINED) or {language, main} == {"ja", "zh"}


def _windows(words: Words) -> Iterator[tuple[int, int]]:
    for begin, sentence_end in words.sentences:
        for start in range(begin, sentence_end, _MAX_WINDOW_WORDS):
            end = min(start + _MAX_WINDOW_WORDS, sentence_end)
            if end - start >= _MIN_WINDOW_WORDS:
                yield start, end


def _examined(words: Iterable[str]) -> Counter[str]:
    counts = Counter(word.replace(DOTTED_I, "i") for word in words)
    hesitations = hesitations_among(counts)
    return Counter(
        {word: n for word, n in counts.items() if word not in hesitations and not word[0].isdigit()}
    )


def _language_of(counts: Counter[str], doubtful: bool) -> str:
    """Returns the language of the words; `doubtful` says that it is English unless it is another one."""
    script = _script(counts)
    if script == "DEVANAGARI":
        return _in_devanagari(counts)
    return _by_stop_words(counts, doubtful) if script == "LATIN" else _SCRIPTS.get(script, UNDETERMINED)


def _script(counts: Counter[str]) -> str:
    """Returns the script of most first and last letters. Han with enough kana beside it is Japanese."""
    scripts: Counter[str] = Counter()
    for word, count in counts.items():
        for letter in (word[0], word[-1]):
            if letter.isalpha():
                scripts[_script_of(letter)] += count
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana and scripts["CJK"] < 10 * kana and scripts["LATIN"] < kana:
        return "HIRAGANA"
    return max(scripts, key=scripts.__getitem__) if scripts else "LATIN"


@lru_cache(maxsize=4_096)
def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "LATIN").split()[0]


def _by_stop_words(counts: Counter[str], doubtful: bool) -> str:
    """Returns the language with Latin letters that has most stop words, and words with letters of its own."""
    found = _evidence(counts)
    least = max(_MIN_STOP_WORD_SHARE * counts.total(), 1)
    english = found[ENGLISH].hits
    others = [
        language
        for language in STOP_WORDS
        if language != ENGLISH and found[language].hits >= least and found[language].outweighs(english)
    ]
    if others:  # of equal ones, the first in the table
        return max(others, key=lambda language: (found[language].hits, found[language].distinct))
    if not english and not all(map(str.isascii, counts)):
        return UNDETERMINED
    return ENGLISH if doubtful or english >= least else UNDETERMINED


@dataclass(slots=True)
class _Evidence:
    """What speaks for a language.

    `hits` counts its stop words and the words with its letters, less those with letters that it doesn't
    have; `in_english` those that are stop words of English too. `distinct` are the different ones that are
    no English words, and `stop_words` those of these that don't only have its letters.
    """

    hits: int = 0
    in_english: int = 0
    distinct: int = 0
    stop_words: int = 0

    def outweighs(self, english: int) -> bool:
        """Returns whether it is this language rather than English, which has so many stop words."""
        certain = self.stop_words > 0
        if certain and self.distinct >= _MIN_DISTINCT_WORDS and self.hits >= _MIN_TIMES_ENGLISH * english:
            return True
        needed = _MIN_HITS if certain else _MIN_UNCERTAIN_HITS
        return self.distinct > 0 and self.hits >= needed * (1 + english - self.in_english)


def _evidence(counts: Counter[str]) -> defaultdict[str, _Evidence]:
    found: defaultdict[str, _Evidence] = defaultdict(_Evidence)
    for word, count in counts.items():
        stop_word = word if word in _LANGUAGES_OF else word[: word.find("'") + 1]  # `dell'` of `dell'anno`
        languages = _LANGUAGES_OF.get(stop_word, ())
        with_letters = _languages_of_letters(word)
        for language in {*languages, *with_letters}:
            evidence = found[language]
            evidence.hits += count
            if ENGLISH in languages:
                evidence.in_english += count
            elif stop_word not in ENGLISH_TOO:
                evidence.distinct += 1
                evidence.stop_words += language in languages
        if not word.isascii() and word[0] < _END_OF_LATIN:
            for language in _OTHERS.difference(languages, with_letters):
                found[language].hits -= count
    return found


def _in_devanagari(counts: Counter[str]) -> str:
    """Returns the language that has most stop words; if two have as many, only the script is known."""
    hits: Counter[str] = Counter()
    for word, count in counts.items():
        hits.update(dict.fromkeys(_LANGUAGES_OF.get(word, ()), count))
    (best, most), (_, second) = sorted(
        ((language, hits[language]) for language in _DEVANAGARI), key=itemgetter(1), reverse=True
    )[:2]
    return best if most > second else _SCRIPTS["DEVANAGARI"]


def _languages_of_letters(word: str) -> set[str]:
    """Returns the languages that have all the letters of a word which English doesn't have."""
    if word.isascii():
        return set()
    letters = [letter for letter in set(word) if not letter.isascii()]
    return set.intersection(*(_WITH_LETTER.get(letter, set()) for letter in letters))
