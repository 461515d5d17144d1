"""Which measures a transcript allows: its language, duration and punctuation decide."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from cara.speech.words import Words, hesitations_among

MIN_DURATION_SECONDS = 5
"""A shorter duration counts as unknown."""

MIN_JUDGED_WORDS = 10
MIN_COMPARED_WORDS = 50

ENGLISH = "en"
UNDETERMINED = "und"
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})

_NAMES = {
    "es": "Spanish", "fr": "French", "de": "German", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "sv": "Swedish", "pl": "Polish", "tr": "Turkish", "ja": "Japanese", "zh": "Chinese", "ko": "Korean",
    "th": "Thai", "lo": "Lao", "km": "Khmer", "my": "Burmese", "el": "Greek", "he": "Hebrew",
    "und-Cyrl": "one in Cyrillic letters", "und-Arab": "one in Arabic letters",
    "und-Deva": "one in Devanagari letters",
}  # fmt: skip
_WORDS_EXAMINED = 3000
_MIN_WORDS_TO_DOUBT_ENGLISH = 30
_MIN_STOP_WORD_SHARE = 0.1
_STOP_WORDS = {
    ENGLISH: "the and to of a in is that it for you was on are with as have this be at not we they but i my "
    "what so like well know mean just kind sort right actually basically literally",
    "es": "que de la el en los las del por con para una un no "
    "se está es pero más como muy yo mi lo su al y esto",
    "fr": "le la les de des du et est que qui un une dans pour "
    "pas je nous vous il elle ce sur avec mais très au c'est j'ai",
    "de": "der die das und ist nicht ein eine ich wir sie es zu "
    "den mit von für auf dem auch aber dass war wie im sich",
    "it": "il la che di e un una per non sono con è si "
    "del della in ma anche come più mi questo io lo gli nel",
    "pt": "que de o a os as do da em um uma para com não é se por mais mas como eu nós no na isso muito foi",
    "nl": "de het een en van is dat niet ik wij we zijn op te met voor aan maar ook er om was naar die",
    "sv": "och att det som en ett är på jag vi inte för med av har den till men om så var man",
    "pl": "i w na nie to że się z do jest jak ale o po tak co za jestem był był przez",
    "tr": "ve bir bu da de için ile çok ben biz ama ne gibi daha var değil olarak o kadar",
}
# Stop words of other languages that are English words too.
_ALSO_ENGLISH = frozenset(
    "no me do so die war man men an am has he by om con per van ten most son ton".split()
)
_MIN_DISTINCT_STOP_WORDS = 2
_STOP_SETS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "HANGUL": "ko", "THAI": "th", "LAO": "lo", "KHMER": "km",
    "MYANMAR": "my", "GREEK": "el", "HEBREW": "he", "CYRILLIC": "und-Cyrl", "ARABIC": "und-Arab",
    "DEVANAGARI": "und-Deva",
}  # fmt: skip

_ENGLISH_ONLY = ("fillers", "hedges", "assertives", "readingEase")
_WORD_BASED = (
    "words", "wordsPerMinute", "repetitions", "falseStarts", "repairsPerHundredWords", "meanSentenceWords",
    "longestSentenceWords", "vocabulary", "talkShare",
)  # fmt: skip
_SENTENCE_BASED = ("meanSentenceWords", "longestSentenceWords", "readingEase")

_UNSPACED_NOTE = (
    "The script has no spaces between words: words can't be counted, nor can speed or repetitions."
)
_UNPUNCTUATED_NOTE = (
    "The transcript has no punctuation: its sentences are unknown, and fillers are undercounted."
)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Measures that can't be taken, by their JSON names, and the reason as a note for the learner."""

    measures: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Applicability:
    """What decides which measures can be taken; `spoken` is false for writing."""

    language: str
    words: int
    duration_seconds: float | None
    spoken: bool
    unpunctuated: bool

    @property
    def english(self) -> bool:
        """Whether the measures with English word lists apply."""
        return self.language == ENGLISH

    @property
    def spaced(self) -> bool:
        """Whether the script has spaces between words, so that words can be counted."""
        return self.language not in _UNSPACED

    @property
    def speaking_seconds(self) -> float | None:
        """The duration, if it is known and the learner spoke."""
        known = self.duration_seconds is not None and self.duration_seconds >= MIN_DURATION_SECONDS
        return self.duration_seconds if known and self.spoken else None

    def restrictions(self) -> list[Restriction]:
        """Returns every reason that applies, with the measures that it excludes."""
        found: list[Restriction] = []
        if not self.words:
            found.append(Restriction((), "The transcript has no words of the learner."))
        if not self.english:
            found.append(Restriction(_ENGLISH_ONLY, _language_note(self.language)))
        if not self.spaced:
            found.append(Restriction(_WORD_BASED, _UNSPACED_NOTE))
        if not self.spoken:
            found.append(Restriction(("wordsPerMinute",), "Writing has no pace."))
        elif self.speaking_seconds is None:
            note = f"Words a minute need a known duration of at least {MIN_DURATION_SECONDS} seconds."
            found.append(Restriction(("wordsPerMinute",), note))
        if self.unpunctuated:
            found.append(Restriction(_SENTENCE_BASED, _UNPUNCTUATED_NOTE))
        return found


def detect_language(words: Words) -> str:
    """Returns the language as a BCP 47 tag, from the script and, for Latin letters, the share of stop words.

    Distinguishes English, nine other languages with Latin letters, and scripts; the rest is `und`
    (undetermined). Another language than English needs two different stop words that English doesn't have
    (`no` is an English word); without them, fewer than 30 words are taken as English.
    Limit: only the first 3,000 words are examined, hesitations left out; later changes are missed.
    """
    examined = list(islice(words.lower, _WORDS_EXAMINED))
    hesitations = hesitations_among(set(examined))
    counts = Counter(word for word in examined if word not in hesitations and not word[0].isdigit())
    script = _script(counts)
    return _by_stop_words(counts) if script == "LATIN" else _SCRIPTS.get(script, UNDETERMINED)


def _script(counts: Counter[str]) -> str:
    """Returns the script of most first and last letters. Han with enough kana beside it is Japanese."""
    scripts: Counter[str] = Counter()
    for word, count in counts.items():
        for letter in (word[0], word[-1]):
            if letter.isalpha():
                scripts[unicodedata.name(letter, "LATIN").split()[0]] += count
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana and scripts["CJK"] < 10 * kana and scripts["LATIN"] < kana:
        return "HIRAGANA"
    return max(scripts, key=scripts.__getitem__) if scripts else "LATIN"


def _by_stop_words(counts: Counter[str]) -> str:
    total = counts.total()
    shares = {
        language: sum(counts[word] for word in stop_words) / max(1, total)
        for language, stop_words in _STOP_SETS.items()
        if language == ENGLISH or _has_stop_words_of(language, counts)
    }
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= _MIN_STOP_WORD_SHARE and (best == ENGLISH or shares[best] > 1.3 * shares[ENGLISH]):
        return best
    if shares[ENGLISH] >= _MIN_STOP_WORD_SHARE or total < _MIN_WORDS_TO_DOUBT_ENGLISH:
        return ENGLISH
    return UNDETERMINED


def _has_stop_words_of(language: str, counts: Counter[str]) -> bool:
    distinctive = _STOP_SETS[language] - _STOP_SETS[ENGLISH] - _ALSO_ENGLISH
    return sum(1 for word in distinctive if counts[word]) >= _MIN_DISTINCT_STOP_WORDS


def _language_note(language: str) -> str:
    what = (
        "could not be told" if language == UNDETERMINED else f"seems to be {_NAMES.get(language, language)}"
    )
    return (
        f"The language {what}: fillers, hedges, reading ease and the usual pace are known for English only."
    )
