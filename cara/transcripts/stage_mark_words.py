"""Words of stage marks: in brackets that also hold asides, these alone tell of sounds and silence."""

from __future__ import annotations

import re
from typing import Final

SILENCES: Final = frozenset(
    """pause pauses pausing paused silence silent silently beat breath breathe breathes breathing break
    sil inhales exhales pausa silencio pausé stille schweigen schweigt silenzio silêncio stilte pauze
    cisza pauza przerwa paus tystnad sessizlik duraklama duraksama пауза тишина молчание молчит मौन
    खामोशी चुप्पी विराम 침묵 멈춤 صمت שתיקה""".split()
)

_SOUNDS: Final = {
    "en": """laugh laughs laughing laughed laughter chuckle chuckles chuckling chuckled giggle giggles
    giggling snicker snickers snickering sigh sighs sighing sighed cough coughs coughing coughed
    applause applauds applauding clap claps clapping cheer cheers cheering music noise noises inaudible
    unintelligible indistinct unclear indiscernible crosstalk cross-talk overtalk overlapping whisper
    whispers whispering whispered cry cries crying sob sobs sobbing sniff sniffs sniffing sniffle
    sniffles gasp gasps gasping smile smiles smiling grin grins grinning nod nods nodding clears
    clearing snort snorts snorting groan groans groaning moans grunt grunts yawn yawns yawning sneeze
    sneezes sneezing hiccup hiccups burps gulps swallows hums humming whistles whistling sings singing
    screams screaming shrugs lipsmack static beep beeps bleep bleeps ringing rings buzzing barking barks
    knock knocks knocking slams honks honking typing footsteps chatter murmur murmurs murmuring mumbles
    mumbling scoffs scoffing stammers stammering stutters stuttering shouts shouting yells yelling weeps
    weeping singing sniffling wheezes hesitates hesitating unk spn nsn""",
    "es": """risa risas ríe ríen riendo carcajada carcajadas suspiro suspiros suspira suspirando tos
    tose tosiendo aplauso aplausos aplaude aplauden música ruido ininteligible llora llorando llanto
    carraspea carraspeo susurra susurro susurrando murmullos sonríe bosteza""",
    "fr": """rire rires rit rient riant soupir soupirs soupire toux tousse applaudissement
    applaudissements applaudit musique bruit bruits incompréhensible inintelligible pleure pleurs
    chuchote chuchotements sourit sourire""",
    "de": """lacht lachen lachend gelächter lacher schmunzelt kichert kichern seufzt seufzen seufzer
    hustet husten applaus beifall klatscht klatschen musik unverständlich räuspert räuspern weint weinen
    flüstert flüstern geräusch geräusche lärm atmet gähnt nickt lächelt stöhnt schnaubt""",
    "pt": """riso risos risada risadas ri rindo gargalhada gargalhadas tosse aplaudem palmas inaudível
    incompreensível chora choro sussurra sussurros ruído barulho sorri""",
    "it": """risata risate ride ridono ridendo sospiro sospira sospiri tossisce applausi musica rumore
    rumori incomprensibile inudibile piange pianto sussurra sorride""",
    "nl": "gelach zucht zuchten hoest hoesten muziek onverstaanbaar huilt fluistert glimlacht",
    "sv": "skratt skrattar suck suckar hosta hostar applåder ohörbart viskar gråter",
    "pl": """śmiech śmiechy śmieje śmieją westchnienie wzdycha kaszel kaszle kaszlą oklaski brawa muzyka
    niezrozumiałe niesłyszalne płacz płacze szept szepcze""",
    "tr": """gülüşmeler gülüşme gülme güler gülüyor gülerek kahkaha kahkahalar iççeker alkış alkışlar
    müzik öksürür öksürüyor öksürük anlaşılmıyor ağlıyor ağlar fısıltı fısıldar""",
    "ru": """смех смеется смеётся смеются смеясь хохот вздох вздыхает кашель кашляет аплодисменты овации
    музыка шум неразборчиво плачет шепот шёпот шепчет""",
    "hi": """हँसी हंसी हँसते हंसते हँसता हँसती हँसना हंसना हँसकर ठहाका ठहाके तालियाँ तालियां संगीत खाँसी
    खांसी आह रोना फुसफुसाहट शोर""",
    "ko": "웃음 웃음소리 웃는다 웃으며 박수 박수소리 음악 기침 한숨 속삭임",
    "ar": "ضحك ضحكات يضحك يضحكون تصفيق موسيقى سعال تنهد",
    "he": "צחוק צוחק צוחקת צוחקים מוזיקה שיעול",
}
SOUNDS: Final = frozenset(word for words in _SOUNDS.values() for word in words.split())

BESIDE: Final = frozenset(
    """audience everyone everybody all both crowd group speaker speakers interviewer interviewee he she
    they and the a an his her their in at of with for then background room phone bell dog baby mic
    microphone throat lips head voice voices long short brief awkward slight small big loud soft light
    heavy deep nervous polite more some scattered mild again together continues playing plays starts
    stops begins ends fades upbeat gentle theme opening closing effect out under from to lot himself
    herself themselves tongue section word words portion audio recording phrase speech second seconds
    sec secs s minute minutes se su sus el la los las un una y e et en le les il elle tous público larga
    largo breve lange kurze kurz lang sie er laut leise und sich alle beide publikum publiek longue long
    court courte ed il i o pubblico lunga tutti todos todas się i publiczność ve seyirci и в зале हैं है
    हुए हुई और""".split()
)
"""What may stand beside a word of a mark, as adverbs in -ly may."""

UNSPACED: Final = re.compile(
    r"(?:一同|会場|全員|観客|聴衆|全场|全場|观众|觀眾|少し|长时间|長い|短い|小さく)?の?"
    r"(?:(?P<silence>沈黙|無言|間|停顿|停頓|沉默|เงียบ)|(?:大|爆|苦|失|微|哄堂大)?笑(?:い声?|う|声|聲|聲)?|拍手|歓声|咳(?:払い|嗽|込む)?"
    r"|溜息|ため息|叹气|嘆氣|音楽|音乐|音樂|掌声|掌聲|鼓掌|泣(?:く|き声)?|哭|聞き取り不能|聴取不能|听不清|聽不清|"
    r"หัวเราะ|เสียงหัวเราะ|ปรบมือ|เสียงปรบมือ|ดนตรี|[・、/])+"
)
"""Marks in scripts without spaces."""

SAID: Final = frozenset(
    "um umm uhm uh uhh er erm ah hmm mm eh ehm äh ähm öh euh heu like so well right okay ok yeah basically "
    "actually literally".split()
) | {"you know", "i mean", "you see", "sort of", "kind of"}
"""What some services put in square brackets though it is said: fillers."""
