"""Fillers of other languages than English, and the same words in their ordinary use."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cara.speech import SpeechMeasures, measure
from cara.speech.filler_lists import FILLER_LISTS
from cara.speech.foreign_fillers import find_foreign_fillers
from cara.speech.languages import language_name
from cara.speech.words import tokenize
from tests.growth import grows_linearly

# Each with the number of its words and of those that are no fillers, counted by hand. Japanese words are told
# apart by dictionaries.
_TALKS = {
    "es": (
        "Bueno, eh, yo trabajo en una tienda de zapatos. Este... vendemos, o sea, un tipo de zapato que es "
        "bueno y barato, ¿no? Pues la gente viene, digamos, los sábados, y este año fue mejor. A ver, quiero "
        "más sueldo, ¿sabes?",
        {"bueno": 1, "eh": 1, "este": 1, "o sea": 1, "no": 1, "pues": 1, "digamos": 1, "a ver": 1,
         "sabes": 1},
        (41, 30),
    ),
    "fr": (
        "Euh, ben, je travaille dans une boulangerie. Du coup, je me lève tôt, quoi. C'est genre trois "
        "heures du matin, tu vois ? Bon, en fait, j'aime ce genre de travail, hein. Voilà, je voudrais, "
        "enfin, demander un jour de repos. Je ne sais pas quoi dire.",
        {
            "euh": 1, "ben": 1, "du coup": 1, "quoi": 1, "genre": 1, "tu vois": 1, "bon": 1, "en fait": 1,
            "hein": 1, "voilà": 1, "enfin": 1,
        },
        (46, 32),
    ),
    "de": (
        "Also, ähm, ich arbeite halt seit drei Jahren hier, ne? Genau, und das ist sozusagen mein erstes "
        "Projekt. Weißt du, wir hatten wenig Zeit, aber, ich sag mal, es war quasi fertig. Ich finde es eben "
        "gut, weißt du, was das heißt? Dann machten wir Halt und gingen nach Hause.",
        {
            "also": 1, "ähm": 1, "halt": 1, "ne": 1, "genau": 1, "sozusagen": 1, "weißt du": 1,
            "ich sag mal": 1, "quasi": 1,
        },
        (50, 38),
    ),
    "pt": (
        "É... bom, eu trabalho numa loja, né. Então a gente vende, tipo, um tipo de sapato que é bom, sabe? "
        "Quer dizer, eu gosto, assim, das pessoas. Ele sabe o que isso quer dizer. Pronto, queria pedir um "
        "aumento, ahn, este ano.",
        {
            "é": 1, "bom": 1, "né": 1, "então": 1, "tipo": 1, "sabe": 1, "quer dizer": 1, "assim": 1,
            "pronto": 1, "ahn": 1,
        },
        (42, 31),
    ),
    "it": (
        "Ehm, allora, io lavoro in un ufficio. Cioè, praticamente scrivo lettere, no? È un tipo di lavoro "
        "che mi piace, insomma. Diciamo, ecco, vorrei un giorno libero. Dai colleghi non ho sentito niente. "
        "Boh, era tipo un mese fa, ma da allora tace.",
        {
            "ehm": 1, "allora": 1, "cioè": 1, "praticamente": 1, "no": 1, "insomma": 1, "diciamo": 1,
            "ecco": 1, "boh": 1, "tipo": 1,
        },
        (43, 33),
    ),
    "hi": (
        "तो, मतलब, मैं, अं, एक दुकान में काम करता हूँ। यानी हम जूते बेचते हैं, न? हाँ तो, जैसे कि, वो, मुझे छुट्टी चाहिए। "
        "इसका मतलब है कि वो अच्छा आदमी है। असल में यह बस की बात नहीं है।",
        {
            "तो": 1, "मतलब": 1, "अं": 1, "यानी": 1, "न": 1, "हाँ तो": 1, "जैसे कि": 1, "वो": 1, "असल में": 1,
        },
        (40, 28),
    ),
    "hi-Latn": (
        "Toh, matlab, main ek dukaan mein kaam karta hoon. Basically hum joote bechte hain, na? Haan toh, "
        "woh, mujhe chhutti chahiye. Iska matlab hai ki woh accha aadmi hai.",
        {"toh": 1, "matlab": 1, "basically": 1, "na": 1, "haan toh": 1, "woh": 1},
        (29, 22),
    ),
    "ja": (
        "えーと、私は店で働いています。あの、なんか、靴を売ります。まあ、その店はあの駅にあります。それで、ちょっと、休みがほしいです。",
        {"えーと": 1, "あの": 1, "なんか": 1, "まあ": 1, "ちょっと": 1},
        None,
    ),
    "tr": (
        "Şey, ben bir mağazada çalışıyorum, yani ayakkabı satıyoruz falan. Hani, işte, çok zor bir şey "
        "değil, değil mi? Iıı, aslında izin istiyorum. İşte, şey... bu kadar. Yarın işte olacağım.",
        {
            "şey": 2, "yani": 1, "falan": 1, "hani": 1, "işte": 2, "değil mi": 1, "ııı": 1, "aslında": 1,
        },
        (29, 18),
    ),
}  # fmt: skip


def _measured(text: str) -> SpeechMeasures:
    return measure(text, duration_seconds=60, feature_type="video")


def _fillers(text: str, language: str) -> dict[str, int]:
    return dict(find_foreign_fillers(tokenize(text), language)[0])


@pytest.mark.parametrize("language", _TALKS)
def test_a_talk_has_the_fillers_and_fluent_words_counted_by_hand(language: str):
    text, fillers, words = _TALKS[language]
    measures = _measured(text)
    assert measures.language == language
    assert measures.fillers is not None
    assert measures.fillers.by_word == fillers
    assert words is None or (measures.words, measures.fluent_words) == words
    assert {"hedges", "assertives", "readingEase"} <= set(measures.not_applicable)
    assert "fillers" not in measures.not_applicable
    assert any("fillers are counted by its own list" in note for note in measures.notes)


def test_each_language_with_a_list_has_a_talk_and_is_documented():
    assert _TALKS.keys() == FILLER_LISTS.keys()
    described = SpeechMeasures.__doc__ or ""
    assert [name for name in map(language_name, FILLER_LISTS) if name.split()[0] not in described] == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "Este libro es bueno. Es un tipo... raro. Vamos a ver qué pasa, pues llueve. ¿Vienes o no?"),
        ("es", "Bueno es saberlo. Digamos que sí. Sé que sabes mucho. A ver si llueve. No, no."),
        ("fr", "C'est quoi ? Il en fait partie, à cause du coup de vent. Ben est là. N'importe quoi."),
        ("fr", "Voilà le plan, et le voilà. Enfin libre ! Alors que tu vois bien. Ce genre de film est bon."),
        ("de", "Er ist krank, also bleibt er. Das ist eben so. Ich hab ne Idee. Wir machen halt. Genau."),
        ("de", "Weißt du, was das ist? Tee oder Kaffee? Irgendwie geht es. Er weiß genau, wie es geht."),
        ("pt", "Ele é bom. É bom. Um tipo de carro. O que isso quer dizer? Bom dia. Ele não sabe."),
        ("pt", "Assim, chegamos ao fim. Foi assim. Está bem feito. Sabe que horas são? E desde então chove."),
        ("it", "Ecco il pane. Da allora tace. Dai un libro. È un tipo di pane. Non lo so, no. Vieni o no?"),
        ("it", "Diciamo che va bene. Sai che ore sono? Dai, vieni. È praticamente finito."),
        ("hi", "इसका मतलब है। वो घर अच्छा है। बस आ गई। मैं तो जाता हूँ। अच्छा।"),
        ("ja", "その本はここにあります。あの人はこうする。ちょっと待ってください。なんか食べます。"),
        ("de", "Das Brett hat 5 mm, und die Uhr zeigt HH:MM an. Er kommt um neun."),
        ("tr", "Bir şey var. Yarın işte olacağım. Her şey güzel. Bu doğru değil mi?"),
    ],
)  # fmt: skip
def test_the_same_words_in_ordinary_use_are_no_fillers(language: str, text: str):
    assert _fillers(text, language) == {}


@pytest.mark.parametrize(
    ("language", "text", "fillers"),
    [
        ("es", "y pues o sea no quiero", {"pues": 1, "o sea": 1}),
        ("es", "Es caro ¿no? Ehhh, emmm, mmm.", {"no": 1, "eh": 1, "em": 1, "hmm": 1}),
        ("fr", "du coup en fait c'est bien quoi", {"du coup": 1, "en fait": 1, "quoi": 1}),
        ("fr", "voila, c'est fini, voila", {"voilà": 2}),
        ("de", "das ist halt sozusagen fertig ne", {"halt": 1, "sozusagen": 1, "ne": 1}),
        ("de", "es ist schwer, weisst du, aeh, naja", {"weißt du": 1, "aeh": 1, "naja": 1}),
        ("pt", "entao foi tipo assim muito bom ne", {"então": 1, "tipo assim": 1, "né": 1}),
        ("it", "allora era tipo enorme e cioe boh", {"allora": 1, "tipo": 1, "cioè": 1, "boh": 1}),
        ("ja", "えっと会議です。あのう、そのー本です。", {"えっと": 1, "あのー": 1, "そのー": 1}),
        ("tr", "sey yani bu is hani zor falan", {"şey": 1, "yani": 1, "hani": 1, "falan": 1}),
    ],
)
def test_recognizers_spellings_without_accents_and_commas_are_known(
    language: str, text: str, fillers: dict[str, int]
):
    assert _fillers(text, language) == fillers


@pytest.mark.parametrize(
    ("text", "fillers", "counted"),
    [
        ("Ik heb het, eh, niet gezien, omdat ik er niet was.", {"eh": 1}, "only hesitation sounds count"),
        ("我今天，嗯，不去学校，因为我病了。", {"嗯": 1}, "only hesitation sounds count"),
        ("Δεν ξέρω τι να πω, ε, για αυτό το θέμα.", None, "its fillers are not known"),
        ("kvetch blorp snarf " * 20, None, "The language could not be told"),
    ],
)
def test_of_other_languages_the_sounds_are_counted_or_a_note_says_why_not(
    text: str, fillers: dict[str, int] | None, counted: str
):
    measures = _measured(text)
    assert (measures.fillers and measures.fillers.by_word) == fillers
    assert ("fillers" in measures.not_applicable) is (fillers is None)
    assert any(counted in note for note in measures.notes)


def test_fillers_without_a_known_norm_move_no_score():
    german, english = _measured(_TALKS["de"][0]), _measured("Um, we sold the shop.")
    assert german.fillers is not None
    assert german.fillers.per_hundred_words == pytest.approx(100 * 9 / 38, abs=0.01)
    assert german.scorable_rates.fillers is None
    assert english.scorable_rates.fillers == 25.0


_PLAIN_AND_FILLERS = {
    "es": ("casa que y el perro de", "eh,pues,este,o sea,digamos"),
    "fr": ("maison et il de mange le", "euh,ben,du coup,enfin,voilà,bon"),
    "de": ("Haus dass und er der ist", "äh,also,halt,sozusagen,genau"),
    "pt": ("casa que e o de come uma", "ahn,né,tipo,então,assim"),
    "it": ("casa che e il di mangia", "ehm,cioè,allora,insomma,ecco"),
    "hi": ("घर कि और है का मैं", "अं,मतलब,वो,यानी,बस"),
    "tr": ("ev bir ve bu geldi çok", "ııı,yani,şey,hani,işte"),
}
_FRAGMENTS = some.lists(some.tuples(some.integers(0, 5), some.booleans()), max_size=25)


@pytest.mark.parametrize("language", _PLAIN_AND_FILLERS)
@given(fragments=_FRAGMENTS)
@settings(max_examples=30, deadline=None)
def test_each_filler_between_commas_counts_and_changes_nothing_else(
    language: str, fragments: list[tuple[int, bool]]
):
    plain, fillers = _PLAIN_AND_FILLERS[language]
    words, fillers = plain.split(), fillers.split(",")
    spoken = [f", {fillers[n % 5]}," if filler else words[n % len(words)] for n, filler in fragments]
    tidy = [words[n % len(words)] for n, filler in fragments if not filler]
    found, fluent = find_foreign_fillers(tokenize(" ".join([words[0], *spoken, words[0]])), language)
    assert found.total() == sum(filler for _, filler in fragments)
    assert fluent.lower == tokenize(" ".join([words[0], *tidy, words[0]])).lower


@pytest.mark.parametrize("unit", ["pues ", "o sea ", "este, ", "no? ", "¿no? ", "ehhh ", "İşte "])
def test_runs_of_fillers_take_linear_time(unit: str):
    assert grows_linearly(lambda text: find_foreign_fillers(tokenize(text), "es"), unit * 10_000)
