"""A small, honest guess at the language: enough to know which measures make sense."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import islice

from cara.speech.hesitations import hesitations_among
from cara.speech.words import Words

ENGLISH = "en"
UNDETERMINED = "und"
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})

NAMES = {
    "es": "Spanish", "fr": "French", "de": "German", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "sv": "Swedish", "pl": "Polish", "tr": "Turkish", "ja": "Japanese", "zh": "Chinese", "ko": "Korean",
    "th": "Thai", "lo": "Lao", "km": "Khmer", "my": "Burmese", "el": "Greek", "he": "Hebrew",
    "und-Cyrl": "one in Cyrillic letters", "und-Arab": "one in Arabic letters",
    "und-Deva": "one in Devanagari letters",
}  # fmt: skip
"""What people call the languages."""

_LOOKED_AT = 3000
_ENOUGH_WORDS = 30
_LEAST_SHARE = 0.1
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
# Stop words of other languages that English has as well, in a sense of its own.
_ALSO_ENGLISH = frozenset(
    "no me do so die war man men an am has he by om con per van ten most son ton".split()
)
_LEAST_SIGNS = 2
_STOP_SETS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "HANGUL": "ko", "THAI": "th", "LAO": "lo", "KHMER": "km",
    "MYANMAR": "my", "GREEK": "el", "HEBREW": "he", "CYRILLIC": "und-Cyrl", "ARABIC": "und-Arab",
    "DEVANAGARI": "und-Deva",
}  # fmt: skip


def language_of(words: Words) -> str:
    """The language as a BCP 47 tag, from the script and, for Latin letters, the share of stop words.

    It knows English, nine other European languages, and scripts; `und` (undetermined) is its answer to the
    rest. Another language shows by two different stop words that English doesn't have (`no` is none of them);
    under 30 words without such signs are taken as English. It looks at the first
    3,000 words, hesitations left out, and can't see a change of language later on.
    """
    seen = list(islice(words.small, _LOOKED_AT))
    sounds = hesitations_among(set(seen))
    counts = Counter(word for word in seen if word not in sounds and not word[0].isdigit())
    script = _script(counts)
    return _by_stop_words(counts) if script == "LATIN" else _SCRIPTS.get(script, UNDETERMINED)


def _script(counts: Counter[str]) -> str:
    """The script of most words, by their first letters. Kana anywhere in a good part makes Han Japanese."""
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
        if language == ENGLISH or _has_signs_of(language, counts)
    }
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= _LEAST_SHARE and (best == ENGLISH or shares[best] > 1.3 * shares[ENGLISH]):
        return best
    if shares[ENGLISH] >= _LEAST_SHARE or total < _ENOUGH_WORDS:
        return ENGLISH
    return UNDETERMINED


def _has_signs_of(language: str, counts: Counter[str]) -> bool:
    signs = _STOP_SETS[language] - _STOP_SETS[ENGLISH] - _ALSO_ENGLISH
    return sum(1 for word in signs if counts[word]) >= _LEAST_SIGNS
