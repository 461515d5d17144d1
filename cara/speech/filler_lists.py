"""Discourse markers that serve as fillers in other languages than English, and where each of them does.

Each list has what the literature on the spoken language and its speech coaches name. Words are left out where
no context tells the filler from the ordinary word: German ja, doch, einfach, eigentlich; Spanish vale, claro;
French quand même; Italian niente; Portuguese aí, cara; Japanese ね, さ; Turkish mesela; the rest of Hindi तो.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a phrase is a filler, besides between two breaks (commas, dashes, ends of a sentence).

    `anywhere`; `opens`: at the start of a sentence, before any word or only before those of `only_before`;
    `closes`: at the end of a sentence; `pauses`: before a pause; `after`: right after one of these words.
    None of these holds after a word of `not_after`, unless a break comes between, and nothing holds before a
    word of `not_before`. A `tag` is one only as a question at the end (`¿no?`). Without `starts` it is none at
    the start of a sentence, without `answers` none as a whole sentence, without `asks` none before `?`. What
    is `detached` is an ordinary word unless a break follows at once, also to the markers beside it.
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
    only_before: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANYWHERE = Marker(anywhere=True)
_OPENER = Marker(opens=True)
_SET_OFF = Marker()
_TAG = Marker(tag=True, detached=True)
_ANSWER = Marker(answers=False)
_INSIDE = Marker(starts=False, answers=False, detached=True)

_SPANISH = {
    "o sea": Marker(anywhere=True, not_after=_words("sea")),
    "este": Marker(asks=False, detached=True),
    "pues": Marker(opens=True, after=_words("y pero que porque entonces")),
    "bueno": Marker(
        opens=True, pauses=False, after=_words("pero"), not_before=_words("es era para de que")
    ),
    "digamos": Marker(not_before=_words("que lo la")),
    "a ver": Marker(
        opens=True,
        not_before=_words("si a la el las los una un al que qué cómo quién cuándo dónde cuánto cuántos"),
    ),
    "en plan": Marker(not_before=_words("de")),
    "tipo": Marker(pauses=False, not_before=_words("de")),
    "entonces": _SET_OFF,
    "básicamente": _OPENER,
    "literalmente": _OPENER,
    "no": _TAG,
    "sabes": Marker(pauses=False, answers=False, not_before=_words("que qué cómo dónde cuándo quién si lo por")),
    "sabe": _TAG,
    "verdad": _TAG,
    "me entiendes": _SET_OFF,
}
"""Sources: Martín Zorraquino & Portolés 1999; Poblete 1998 (Valdivia); Domínguez García 2016."""

_FRENCH_SUBJECTS = _words("il elle on qui ça cela ce j' n' y lui nous vous tu je ils elles")
_DETERMINERS = _words("ce le un du de quel son mon ton même tout au chaque leur notre votre autre aucun bon")
_FRENCH = {
    "ben": Marker(anywhere=True, not_before=_words("est a va était avait et")),
    "bah": _ANYWHERE,
    "eh ben": _ANYWHERE,
    "eh bien": _ANYWHERE,
    "hein": _ANYWHERE,
    "du coup": Marker(
        anywhere=True, not_before=_words("de d'état d'envoi d'œil d'oeil franc double d'un d'une")
    ),
    "en fait": Marker(anywhere=True, not_after=_FRENCH_SUBJECTS, not_before=_words("partie pas plus trop")),
    "genre": Marker(
        pauses=False,
        after=_words("c'est c'était est était étais j'étais et mais"),
        not_after=_DETERMINERS,
        not_before=_words("de d'un d'une humain féminin masculin"),
    ),
    "quoi": Marker(
        closes=True,
        pauses=False,
        asks=False,
        answers=False,
        starts=False,
        not_after=_words(
            "pas sais sait savoir n'importe de à pour sur avec en par contre dis dit dire fait faire"
        ),
    ),
    "tu vois": Marker(
        closes=True, pauses=False, not_after=_words("comme que si quand ce ne"), not_before=_words("que")
    ),
    "vous voyez": Marker(not_before=_words("que le la les ce")),
    "tu sais": Marker(pauses=False, not_before=_words("que ce comment où si quand pourquoi quoi")),
    "vous savez": Marker(pauses=False, not_before=_words("que ce comment où si quand pourquoi quoi")),
    "voilà": Marker(
        closes=True, not_after=_words("le la les me te nous vous en y"), not_before=_words("que pourquoi")
    ),
    "enfin": _INSIDE,
    "bon": Marker(
        opens=True,
        pauses=False,
        only_before=_words("je j'ai on tu il elle ça c'est nous vous alors donc après et mais là"),
    ),
    "disons": Marker(not_before=_words("que le la les")),
    "alors": Marker(not_before=_words("que")),
    "donc": _SET_OFF,
}
"""Sources: Chanet 2003, Recherches sur le français parlé 18; Crible 2018, Discourse Markers and (Dis)fluency."""

_GERMAN_CLAUSE = _words("dass was wo wie wer wen wem ob warum wieso weshalb wann welche welcher welches")
_GERMAN = {
    "also": Marker(opens=True, after=_words("ja aber")),
    "halt": Marker(
        anywhere=True, starts=False, answers=False, not_after=_words("macht machen machte gemacht der den dem")
    ),
    "eben": _INSIDE,
    "sozusagen": _ANYWHERE,
    "quasi": _ANYWHERE,
    "irgendwie": Marker(answers=False),
    "ich sag mal": _ANYWHERE,
    "ich sage mal": _ANYWHERE,
    "sag ich mal": _ANYWHERE,
    "sage ich mal": _ANYWHERE,
    "ne": Marker(closes=True),
    "nä": Marker(closes=True),
    "gell": Marker(closes=True),
    "oder": _TAG,
    "weißt du": Marker(pauses=False, not_before=_GERMAN_CLAUSE),
    "weißte": Marker(pauses=False, not_before=_GERMAN_CLAUSE),
    "wissen sie": Marker(pauses=False, not_before=_GERMAN_CLAUSE),
    "verstehst du": Marker(pauses=False, not_before=_GERMAN_CLAUSE),
    "genau": _ANSWER,
    "naja": _OPENER,
    "na ja": _OPENER,
    "tja": _OPENER,
}
"""Sources: Imo 2016, Diskursmarker; Fehringer & Fry 2007, Folia Linguistica 41 (automatisms)."""

_ITALIAN_CLAUSE = _words("che cosa come dove quando se perché chi quale quanto")
_ITALIAN = {
    "cioè": Marker(opens=True, after=_words("e ma no sì")),
    "allora": _OPENER,
    "insomma": Marker(anywhere=True, answers=False),
    "tipo": Marker(pauses=False, after=_words("era ero erano stava e ma"), not_before=_words("di")),
    "diciamo": Marker(not_before=_words("che la il le lo di")),
    "diciamo così": _ANYWHERE,
    "praticamente": _OPENER,
    "in pratica": _OPENER,
    "ecco": Marker(answers=False),
    "boh": _ANYWHERE,
    "beh": _ANYWHERE,
    "mah": _ANYWHERE,
    "vabbè": _ANYWHERE,
    "va beh": _ANYWHERE,
    "dai": Marker(pauses=False, starts=False, answers=False, detached=True),
    "quindi": _SET_OFF,
    "comunque": _SET_OFF,
    "sai": Marker(pauses=False, not_before=_ITALIAN_CLAUSE),
    "no": _TAG,
    "capito": _TAG,
    "vero": _TAG,
}
"""Sources: Bazzanella 1995, I segnali discorsivi; Treccani, Enciclopedia dell'Italiano, segnali discorsivi."""

_PORTUGUESE_CLAUSE = _words("que o como onde quando se por quem qual quanto")
_PORTUGUESE = {
    "é": Marker(answers=False, detached=True),
    "né": _ANYWHERE,
    "tipo": Marker(pauses=False, after=_words("foi era tava e mas"), not_before=_words("de")),
    "tipo assim": _ANYWHERE,
    "então": _OPENER,
    "assim": _INSIDE,
    "sabe": Marker(pauses=False, answers=False, not_before=_PORTUGUESE_CLAUSE),
    "entendeu": _TAG,
    "entende": _TAG,
    "tá": _TAG,
    "quer dizer": Marker(opens=True, not_before=_words("que")),
    "digamos": Marker(not_before=_words("que o a")),
    "digamos assim": _ANYWHERE,
    "bom": Marker(
        opens=True,
        pauses=False,
        answers=False,
        only_before=_words("eu nós vamos acho mas agora se como"),
    ),
    "bem": _ANSWER,
    "pronto": _ANSWER,
    "pá": Marker(closes=True, not_after=_words("uma a da na à com pela de")),
}
"""Sources: Galembeck & Carvalho (NURC/SP); Freitag et al. 2017, Diacrítica; Moniz et al. 2007 (sounds)."""

_HINDI = {
    "मतलब": Marker(
        anywhere=True,
        not_after=_words("इसका उसका जिसका किसका का के की क्या कोई मेरा आपका तुम्हारा यही यह दो"),
        not_before=_words("है हैं था थी होता नहीं से की का को ही समझ निकला"),
    ),
    "यानी": _OPENER,
    "यानि": _OPENER,
    "हाँ तो": _OPENER,
    "तो": Marker(opens=True, pauses=False, not_before=_words("क्या")),
    "वो": Marker(answers=False, detached=True),
    "जैसे कि": _SET_OFF,
    "बस": _INSIDE,
    "न": Marker(closes=True, pauses=False, starts=False, answers=False),
    "ना": Marker(closes=True, pauses=False, starts=False, answers=False),
    "अच्छा": _ANSWER,
    "दरअसल": _OPENER,
    "असल में": _OPENER,
    "देखिए": _SET_OFF,
    "क्या कहते हैं": _SET_OFF,
    "आप जानते हैं": Marker(pauses=False, not_before=_words("कि")),
    "बेसिकली": _ANYWHERE,
    "एक्चुअली": _ANYWHERE,
}
"""A list of common use: no frequency study of spoken Hindi stands behind it."""

_JAPANESE = {
    "えっと": _ANYWHERE,
    "あのー": _ANYWHERE,
    "そのー": _ANYWHERE,
    "うーん": _ANYWHERE,
    "あの": Marker(answers=False, detached=True),
    "その": Marker(answers=False, detached=True),
    "まあ": Marker(opens=True, answers=False),
    "まぁ": Marker(opens=True, answers=False),
    "なんか": Marker(answers=False, detached=True),
    "こう": Marker(answers=False, detached=True),
    "ちょっと": _INSIDE,
    "そうですね": _ANSWER,
    "ほら": _SET_OFF,
}
"""Sources: Watanabe & Ishi 2000, ICSLP (e, eto, ma, ano, sono); Kawada 2010, DiSS (e-, ma-, demonstratives)."""

_TURKISH = {
    "yani": _ANYWHERE,
    "şey": Marker(opens=True, not_after=_words("bir her hiçbir çok birçok o bu şu aynı başka ne tek")),
    "hani": Marker(anywhere=True, starts=False),
    "işte": _SET_OFF,
    "falan": _ANYWHERE,
    "filan": _ANYWHERE,
    "falan filan": _ANYWHERE,
    "aslında": _OPENER,
    "neyse": _SET_OFF,
    "ya": Marker(pauses=False),
    "nasıl desem": _ANYWHERE,
    "nasıl diyeyim": _ANYWHERE,
    "değil mi": _TAG,
    "tamam mı": _TAG,
    "anladın mı": _TAG,
}
"""Sources: Yılmaz 2004, A Pragmatic Analysis of Turkish Discourse Particles; Erdoğan 2013 (şey)."""

_ROMANIZED_HINDI = {
    "matlab": Marker(
        anywhere=True,
        not_after=_words("iska uska jiska kiska ka ke ki kya koi mera aapka tumhara yahi yeh do"),
        not_before=_words("hai hain tha thi hota nahi nahin se ki ka ko"),
    ),
    "yaani": _OPENER,
    "yani": _OPENER,
    "haan toh": _OPENER,
    "haan to": _OPENER,
    "toh": Marker(opens=True, pauses=False, not_before=_words("kya")),
    "woh": Marker(answers=False, detached=True),
    "jaise ki": _SET_OFF,
    "bas": _INSIDE,
    "na": Marker(closes=True, pauses=False, starts=False, answers=False),
    "accha": _ANSWER,
    "achha": _ANSWER,
    "actually": _ANYWHERE,
    "basically": _ANYWHERE,
    "you know": _SET_OFF,
    "i mean": _SET_OFF,
    "like": _SET_OFF,
}
"""Hindi as messengers and recognizers write it in Latin letters, with the English markers mixed into it."""

FILLER_LISTS: dict[str, dict[str, Marker]] = {
    "es": _SPANISH, "fr": _FRENCH, "de": _GERMAN, "pt": _PORTUGUESE, "it": _ITALIAN, "hi": _HINDI,
    "hi-Latn": _ROMANIZED_HINDI, "ja": _JAPANESE, "tr": _TURKISH,
}  # fmt: skip
"""The discourse markers of each language that has a list; English has its own rules in `disfluencies`."""

SPELLINGS: dict[str, dict[str, str]] = {
    "pt": {"ne": "né"},
    "hi": {"हां तो": "हाँ तो", "क्या कहते है": "क्या कहते हैं"},
    "ja": {
        "えっ と": "えっと", "えっ と ー": "えっと", "あの う": "あのー", "その う": "そのー", "ん ー": "うーん",
    },
}  # fmt: skip
"""Other spellings, and what the dictionaries of ICU split, by language: each with the phrase of the list."""
