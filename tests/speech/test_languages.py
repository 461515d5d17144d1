"""The detection of the language: of short talks, without accents or punctuation, and of mixed ones."""

from __future__ import annotations

import pytest

from cara.speech.languages import detect_language, other_languages
from cara.speech.words import tokenize

_MARATHI = "मी आज तुम्हाला माझ्या कामाबद्दल सांगणार आहे आणि मला रजा हवी आहे."
_HINDI = "मैं आज आपसे अपने काम के बारे में बात करना चाहता हूँ।"


def _detected(text: str) -> str:
    return detect_language(tokenize(text))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Je ne suis pas sûr que nous puissions le faire, mais c'est une bonne idée pour la suite.", "fr"),
        ("Ich bin nicht sicher, ob wir das schaffen, aber es ist eine gute Idee für die Zukunft.", "de"),
        ("Eu não sei se isso é uma boa ideia, mas nós vamos tentar com o time.", "pt"),
        ("今日は天気がいいですね。", "ja"),
        ("我们今天讨论计划。", "zh"),
        ("Сегодня мы говорим о плане.", "und-Cyrl"),
        ("Um, hello there.", "en"),
        ("No. No, I said no.", "en"),
        ("No, no, die so, no. Me too.", "en"),
        ("No. Yo no lo sé.", "es"),  # `yo` and `lo`
        ("Hallo, ich möchte mehr Gehalt. Weil ich viel arbeite.", "de"),
        ("Die Straße ist laut.", "de"),  # `ist`, and the letter of `Straße`
        ("Hola, me llamo Ana y trabajo en una tienda.", "es"),
        ("We met Herr Müller and José in São Paulo.", "en"),
        ("We flew to São Paulo, Córdoba and Málaga.", "en"),
        ("Mon ami, we will go to la plage and les jardins.", "en"),
        ("um " * 100, "en"),
        ("kvetch blorp snarf " * 20, "und"),
    ],
)
def test_the_language_is_detected_from_script_and_stop_words(text: str, language: str):
    assert _detected(text) == language


@pytest.mark.parametrize(
    ("language", "texts"),
    {
        "es": (
            "pues eh trabaje cinco anos en ventas y marketing",
            "el proyecto salio bien aunque llegamos tarde",
        ),
        "fr": (
            "alors euh j'ai travaille cinq ans dans la vente",
            "le client avait raison sur tous les points",
        ),
        "de": (
            "er sagte dass sie morgen nicht kommen koennen",
            "das projekt lief gut obwohl wir spaet dran waren",
        ),
        "it": ("il cliente aveva ragione su tutti i punti", "ho comprato pane latte uova e del vino"),
        "pt": ("entao eu trabalhei cinco anos na area de vendas", "o cliente tinha razao em todos os pontos"),
        "tr": (
            "yani ben bes yil satis bolumunde calistim daha once",
            "İşte bu İzmir'de oldu çünkü İstanbul uzak",
        ),
        "hi": (_HINDI, "ग्राहक हर बात में सही था"),
        "hi-Latn": (
            "maine paanch saal sales mein kaam kiya hai",
            "project achha chala lekin thoda late ho gaya tha",
        ),
        "mr": (_MARATHI, "माझी बहीण लांब राहते पण दर रविवारी फोन करते"),
        "ne": ("म आज तपाईंलाई मेरो कामको बारेमा भन्छु", "नमस्कार मेरो नाम रवि हो"),
        "und-Deva": ("रवि", "१ २ ३ रवि"),
        "ca": ("la meva germana viu lluny però truca els diumenges", "això és molt bo però no ho hem fet"),
        "cs": (
            "moje sestra bydlí daleko ale volá každou neděli",
            "nevím co mám říct ale děkuji že jste přišli",
        ),
        "da": ("min søster bor langt væk men ringer hver søndag", "jeg har arbejdet med det i mange år nu"),
        "fi": (
            "siskoni asuu kaukana mutta soittaa joka sunnuntai",
            "en tiedä mitä sanoa mutta kiitos kaikille",
        ),
        "ro": (
            "sora mea locuiește departe dar sună în fiecare duminică",
            "nu știu ce să spun dar mulțumesc mult",
        ),
        "nl": ("ik heb vijf jaar in de verkoop gewerkt hier", "het project ging goed maar we waren te laat"),
        "pl": (
            "pracowalem piec lat w dziale sprzedazy i bardzo lubilem",
            "nie wiem co mam powiedziec ale dziekuje",
        ),
    }.items(),
)
def test_short_talks_are_known_also_as_recognizers_write_them(language: str, texts: tuple[str, ...]):
    assert [_detected(text) for text in texts] == [language] * len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "um so I worked in sales for five years",
        "bread milk eggs apples rice cheese ham oil wine",
        "Also, man, the die is cast, so hat on, war over.",
        "we met in San Jose and ate paella con mucho gusto",
        "he said c'est la vie and left for Les Halles",
        "the Los Angeles team and the Las Vegas team met",
        "Ms Dos Santos and Da Silva met Sen Kim once",
        "Maria sang Ave Maria and La Vie en Rose",
        "Our dates are in May, our main bar is in Maine.",
        "Matlab is a tool, and the ham was par for the course.",
    ],
)
def test_english_with_foreign_names_and_words_stays_english(text: str):
    assert _detected(text) == "en"


def test_each_language_of_a_mixed_talk_is_found():
    german = "Ich möchte heute über meine Arbeit sprechen. Danach gibt es Kaffee für alle. "
    words = tokenize(german * 3 + f"{_HINDI} " * 3)
    assert detect_language(words) == "de"
    assert other_languages(words, "de") == ("hi",)
    assert other_languages(tokenize(f"{_HINDI} {_MARATHI} " * 3), "hi") == ("mr",)
    assert other_languages(tokenize(_HINDI * 3), "hi") == ()
