"""Backchannels: short signs of listening, such as `mhm`, with which nobody takes a turn."""

from __future__ import annotations

import re

from cara.speech.hesitations import hesitations_among
from cara.speech.words import tokenize

_MOST_CHARACTERS = 30
_SIGNS = r"""
m+|m-?h+m+|m+-h?m+|h+m+|u+h-?h+u+h|a-?ha|a+h|o+h|mkay|okay|okey|ok|k|yes|yeah|yea|yep|yup|right|all-?right|sure
for-sure|of-course|exactly|absolutely|definitely|indeed|true|good|great|nice|cool|wow|i-see|i-know|got-it|gotcha
makes-sense|fair-enough
ja|jo|jap|genau|klar|na-klar|richtig|stimmt|eben|gut|ach-?so|verstehe|alles-klar
oui|ouais|d'accord|voilà|exact|exactement|tout-à-fait|bien-sûr|je-vois
sí|si|claro|vale|ya|ajá|exacto|cierto|por-supuesto|de-acuerdo|entiendo
sì|certo|già|esatto|va-bene|capisco|ho-capito
sim|pois|pois-é|isso|tá|tá-bom|certo|exato|entendi
precies|klopt|inderdaad|oké|tak|no-tak|dobrze|jasne|rozumiem|evet|tamam|tabii|aynen|anladım
да|ага|угу|так|понятно|ясно|конечно
(?:はい)+|ええ|(?:うん)+|(?:そう)+|そう-?です-?(?:ね|か)|なる-?ほど|へえ
嗯+|对+|對+|是|是的|好|好的|네+|예|응|그래요?|맞아요?|그렇죠|그렇군요
हाँ|हां|जी|जी-हाँ|अच्छा|ठीक|ठीक-है|सही|نعم|أجل|صحيح
"""
_SIGN = "|".join(_SIGNS.split()).replace("-", "[ -]")
_ONLY_SIGNS = re.compile(rf"(?:(?:{_SIGN})(?:[\s,.!…、。！—–-]+|\Z))+")
_ASKING = ("?", "？", "؟")


def is_backchannel(text: str) -> bool:
    """Returns whether a text is nothing but signs of listening (`Mhm.`, `yeah, I see`), and no question.

    Whether they are said to who goes on speaking, or answer a question, shows around them.
    """
    return len(text) <= _MOST_CHARACTERS and bool(
        _ONLY_SIGNS.fullmatch(text.strip().lower().replace("’", "'"))
    )


def asks(text: str) -> bool:
    """Returns whether a text ends as a question, so that what follows is an answer."""
    return text.rstrip().endswith(_ASKING)


def only_hesitates(text: str, language: str) -> bool:
    """Returns whether a text is nothing but hesitation sounds."""
    if len(text) > _MOST_CHARACTERS:
        return False
    words = set(tokenize(text).lower)
    return bool(words) and len(hesitations_among(words, language)) == len(words)
