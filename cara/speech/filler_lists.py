"""Discourse markers that serve as fillers in other languages than English, and where each of them does.

Each list has what studies of the spoken language and coaches of its speakers name. Words are left out
where no context tells the filler from the ordinary word: German ja, doch, einfach, eigentlich; Spanish vale,
claro; French quand même; Italian niente; Portuguese aí, cara; Japanese ね, さ; Turkish mesela.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a phrase is a filler, besides between two breaks (commas, dashes, ends of a sentence).

    `anywhere`; `opens`: at the start of a sentence, before any word or only before those of `only_before`;
    `closes`: at its end; `pauses`: before a pause; `after`: right after one of these words. None of these
    holds after a word of `not_after` or before one of `not_before`, unless a break comes between; where the
    clause that begins with one of these `has_comma`, as in German, the break makes no difference. A `tag` is
    a filler only as a question at the end (`¿no?`). Without `starts` a phrase is no filler as the first one
    of a sentence, without `answers` none as a whole sentence, without `asks` none before a question mark.
    What is `detached` is an ordinary word unless a break follows at once, for the markers beside it too.
    """

    anywhere: bool = False
    opens: bool = False
    closes: bool = False
    pauses: bool = True
    tag: bool = False
    starts: bool = True
    answers: bool = True
    asks: bool = True
    detached: bool = False
    after: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()
    has_comma: bool = False
    only_before: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _each(marker: Marker, *phrases: str) -> dict[str, Marker]:
    return dict.fromkeys(phrases, marker)


_ANYWHERE = Marker(anywhere=True)
_OPENER = Marker(opens=True)
_SET_OFF = Marker()
_TAG = Marker(tag=True, detached=True)
_NO_ANSWER = Marker(answers=False)
_NO_ARTICLE = Marker(answers=False, detached=True)
_INSIDE = Marker(starts=False, answers=False, detached=True)
_LAST = Marker(closes=True, pauses=False, starts=False, answers=False)


def _parenthesis(clause: frozenset[str], *, has_comma: bool = False) -> Marker:
    """Returns the marker of a verb such as `you know`, which is none where a clause follows it."""
    return Marker(pauses=False, answers=False, not_before=clause, has_comma=has_comma)


# Martín Zorraquino & Portolés 1999, Gramática descriptiva; Poblete 1998, Estudios filológicos 33;
# Domínguez García 2016, Revista signos 49.
_SPANISH = {
    **_each(_OPENER, "básicamente", "literalmente"),
    **_each(_SET_OFF, "entonces", "me entiendes"),
    **_each(_TAG, "no", "sabe", "verdad"),
    "o sea": Marker(anywhere=True, not_after=_words("sea")),
    "este": Marker(asks=False, detached=True),
    "pues": Marker(opens=True, after=_words("y pero que porque entonces")),
    "bueno": Marker(opens=True, pauses=False, after=_words("pero"), not_before=_words("es era para de que")),
    "a ver": Marker(
        opens=True,
        not_before=_words("si a la el las los una un al que qué cómo quién cuándo dónde cuánto cuántos"),
    ),
    "digamos": Marker(not_before=_words("que lo la")),
    "en plan": Marker(not_before=_words("de")),
    "tipo": Marker(pauses=False, not_before=_words("de")),
    "sabes": _parenthesis(_words("que qué cómo dónde cuándo quién si lo por")),
}

# Chanet 2003, Recherches sur le français parlé 18; Crible 2018, Discourse Markers and (Dis)fluency.
_FRENCH_CLAUSE = _words("que ce comment où si quand pourquoi quoi")
_FRENCH = {
    **_each(_ANYWHERE, "bah", "eh ben", "eh bien", "hein"),
    **_each(_parenthesis(_FRENCH_CLAUSE), "tu sais", "vous savez", "vous voyez"),
    "ben": Marker(anywhere=True, not_before=_words("est a va était avait et")),
    "bon": Marker(
        opens=True,
        pauses=False,
        only_before=_words("je j'ai on tu il elle ça c'est nous vous alors donc après et mais là"),
    ),
    "en fait": Marker(
        anywhere=True,
        not_after=_words("il elle on qui ça cela ce y lui nous vous tu je ils elles"),
        not_before=_words("partie pas plus trop"),
    ),
    "du coup": Marker(anywhere=True, not_before=_words("de d'état d'envoi d'œil d'oeil franc d'un d'une")),
    "genre": Marker(
        pauses=False,
        after=_words("c'est c'était est était étais j'étais et mais"),
        not_before=_words("de d'un d'une humain féminin masculin"),
    ),
    "quoi": Marker(
        closes=True, pauses=False, starts=False, answers=False, asks=False,
        not_after=_words("pas sais sait savoir n'importe de à pour sur avec en par contre dis dit dire fait"),
    ),
    "tu vois": Marker(
        closes=True, pauses=False, not_after=_words("comme que si quand ce ne"), not_before=_FRENCH_CLAUSE
    ),
    "voilà": Marker(
        closes=True, not_after=_words("le la les me te nous vous en y"), not_before=_words("que pourquoi")
    ),
    "enfin": _INSIDE,
    "disons": Marker(not_before=_words("que le la les")),
    "alors": Marker(not_before=_words("que")),
    "donc": _SET_OFF,
}  # fmt: skip

# Imo 2016, Diskursmarker; Fehringer & Fry 2007, Folia Linguistica 41, who call them automatisms.
_GERMAN_CLAUSE = _words("dass was wo wie wer wen wem ob warum wieso weshalb wann welche welcher welches")
_GERMAN = {
    **_each(_ANYWHERE, "sozusagen", "quasi", "ich sag mal", "ich sage mal", "sag ich mal", "sage ich mal"),
    **_each(_OPENER, "naja", "na ja", "tja"),
    **_each(Marker(closes=True), "ne", "nä", "gell"),
    **_each(_parenthesis(_GERMAN_CLAUSE, has_comma=True), "weißt du", "weißte", "wissen sie", "verstehst du"),
    **_each(_NO_ANSWER, "irgendwie", "genau"),
    "also": Marker(opens=True, after=_words("ja aber")),
    "halt": Marker(
        anywhere=True,
        starts=False,
        answers=False,
        not_after=_words("macht machen machte machten gemacht der den dem"),
    ),
    "eben": _INSIDE,
    "oder": _TAG,
}

# Bazzanella 1995, I segnali discorsivi; Treccani, Enciclopedia dell'Italiano, under `segnali discorsivi`.
_ITALIAN = {
    **_each(_ANYWHERE, "diciamo così", "boh", "beh", "mah", "vabbè", "va beh"),
    **_each(_OPENER, "allora", "praticamente", "in pratica"),
    **_each(_SET_OFF, "quindi", "comunque"),
    **_each(_TAG, "no", "capito", "vero"),
    "cioè": Marker(opens=True, after=_words("e ma no sì")),
    "insomma": Marker(anywhere=True, answers=False),
    "tipo": Marker(pauses=False, after=_words("era ero erano stava e ma"), not_before=_words("di")),
    "diciamo": Marker(not_before=_words("che la il le lo di")),
    "ecco": _NO_ANSWER,
    "dai": Marker(pauses=False, starts=False, answers=False, detached=True),
    "sai": _parenthesis(_words("che cosa come dove quando se perché chi quale quanto")),
}

# Galembeck & Carvalho on the corpus NURC/SP; Freitag et al. 2017, Diacrítica.
_PORTUGUESE = {
    **_each(_ANYWHERE, "né", "tipo assim", "digamos assim"),
    **_each(_TAG, "entendeu", "entende", "tá"),
    **_each(_NO_ANSWER, "bem", "pronto"),
    "é": _NO_ARTICLE,
    "então": _OPENER,
    "assim": _INSIDE,
    "tipo": Marker(pauses=False, after=_words("foi era tava e mas"), not_before=_words("de")),
    "sabe": _parenthesis(_words("que o como onde quando se por quem qual quanto")),
    "quer dizer": Marker(opens=True, not_before=_words("que")),
    "digamos": Marker(not_before=_words("que o a")),
    "bom": Marker(
        opens=True, pauses=False, answers=False, only_before=_words("eu nós vamos acho mas agora se como")
    ),
    "pá": Marker(closes=True, not_after=_words("uma a da na à com pela de")),
}

# Words of common use: there is no study of their frequency in spoken Hindi to lean on.
_HINDI = {
    **_each(_ANYWHERE, "बेसिकली", "एक्चुअली"),
    **_each(_OPENER, "यानी", "यानि", "हाँ तो", "दरअसल", "असल में"),
    **_each(_SET_OFF, "जैसे कि", "देखिए", "क्या कहते हैं"),
    **_each(_LAST, "न", "ना"),
    "मतलब": Marker(
        anywhere=True,
        not_after=_words("इसका उसका जिसका किसका का के की क्या कोई मेरा आपका तुम्हारा यही यह दो"),
        not_before=_words("है हैं था थी होता नहीं से की का को ही समझ निकला"),
    ),
    "तो": Marker(opens=True, pauses=False, not_before=_words("क्या")),
    "वो": _NO_ARTICLE,
    "बस": _INSIDE,
    "अच्छा": _NO_ANSWER,
    "आप जानते हैं": _parenthesis(_words("कि")),
}
# As messengers and recognizers write it, with the English markers that are mixed into it.
_ROMANIZED_HINDI = {
    **_each(_ANYWHERE, "actually", "basically"),
    **_each(_OPENER, "yaani", "yani", "haan toh", "haan to"),
    **_each(_SET_OFF, "jaise ki", "you know", "i mean", "like"),
    **_each(_NO_ANSWER, "accha", "achha"),
    "matlab": Marker(
        anywhere=True,
        not_after=_words("iska uska jiska kiska ka ke ki kya koi mera aapka tumhara yahi yeh do"),
        not_before=_words("hai hain tha thi hota nahi nahin se ki ka ko"),
    ),
    "toh": Marker(opens=True, pauses=False, not_before=_words("kya")),
    "woh": _NO_ARTICLE,
    "bas": _INSIDE,
    "na": _LAST,
}

# Watanabe & Ishi 2000, ICSLP (e, eto, ma, ano, sono); Kawada 2010, DiSS (the same by type).
_JAPANESE = {
    **_each(_ANYWHERE, "えっと", "あのー", "そのー", "うーん"),
    **_each(_NO_ARTICLE, "あの", "その", "なんか", "こう"),
    **_each(Marker(opens=True, answers=False), "まあ", "まぁ"),
    "ちょっと": _INSIDE,
    "そうですね": _NO_ANSWER,
    "ほら": _SET_OFF,
}

# Yılmaz 2004, A Pragmatic Analysis of Turkish Discourse Particles; Erdoğan 2013 (şey).
_TURKISH = {
    **_each(_ANYWHERE, "yani", "falan", "filan", "falan filan", "nasıl desem", "nasıl diyeyim"),
    **_each(_SET_OFF, "işte", "neyse"),
    **_each(_TAG, "değil mi", "tamam mı", "anladın mı"),
    "şey": Marker(opens=True, not_after=_words("bir her hiçbir çok birçok o bu şu aynı başka ne tek")),
    "hani": Marker(anywhere=True, asks=False),
    "aslında": _OPENER,
    "ya": Marker(pauses=False),
}

FILLER_LISTS: dict[str, dict[str, Marker]] = {
    "es": _SPANISH, "fr": _FRENCH, "de": _GERMAN, "pt": _PORTUGUESE, "it": _ITALIAN, "hi": _HINDI,
    "hi-Latn": _ROMANIZED_HINDI, "ja": _JAPANESE, "tr": _TURKISH,
}  # fmt: skip
"""The discourse markers of each language that has a list; English has its own rules in `disfluencies`."""

SPELLINGS: dict[str, dict[str, str]] = {
    "pt": {"ne": "né"},
    "hi": {"हां तो": "हाँ तो"},
    "ja": {
        "えっ と": "えっと", "えっ と ー": "えっと", "ん ー": "うーん", "あの う": "あのー",
        "その う": "そのー",
    },
}  # fmt: skip
"""Other spellings, and what the dictionaries of ICU split, by language: each with the phrase of the list."""
