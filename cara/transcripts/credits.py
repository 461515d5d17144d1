"""Credits in captions: who made the subtitles, which nobody says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cara.transcripts.cues import Cue
from cara.transcripts.footers import is_credit

_LONGEST = 100
_ENDS = 2
_SUBTITLES = re.compile(
    r"\W{0,3}(?:(?:english|closed|live|auto|automatic)[ -])?"
    r"(?:subtitl\w{1,4}|subs|caption\w{0,4}|transcript|transcribed|transcription|translated|sync(?:ed)?"
    r"|untertitel\w{0,4}|sous-titr\w{1,5}|subt[ií]tul\w{1,4}|legenda\w{0,4}|sottotitol\w{1,4}|ondertitel\w{0,4}"
    r"|napisy|undertekst\w{0,4}|undertexter|altyazı\w{0,4}|субтитр\w{1,3}|phụ[ ]đề|字幕|คำบรรยาย)",
    re.IGNORECASE,
)
_SITE = re.compile(
    r"\b(?:amara\.org|opensubtitles\.\w|addic7ed\.\w|otter\.ai|rev\.com|yts\.\w)", re.IGNORECASE
)
_MAKER = re.compile(
    r"(?:\b(?:by|von|der|par|por|pela|dalla|a cura di|door|przez|av|im Auftrag|of)\b|:|：|字幕by)"
    r"(?: (?:the|des|der|la))? ?(?:[A-Z@][^.?!\n]*+[.]?\Z|https?:)"
)


def without_credits(cues: Sequence[Cue]) -> Sequence[Cue]:
    """Returns the cues without credits, such as `Subtitles by the Amara.org community`.

    They are short, begin with a word for subtitles, and name a site for them or, in the first and the last
    two cues, somebody. Recognizers learned to write them where there is silence.
    """
    last = len(cues) - _ENDS
    return [
        cue
        for number, cue in enumerate(cues)
        if not _is_credit(cue, is_at_end=number < _ENDS or number >= last)
    ]


def _is_credit(cue: Cue, *, is_at_end: bool) -> bool:
    text = cue.parts[0].text.text
    if is_at_end and len(cue.parts) == 1 and is_credit(text):
        return True
    if len(text) > _LONGEST or len(cue.parts) > 1 or not (begin := _SUBTITLES.match(text)):
        return False
    return bool(_SITE.search(text) or (is_at_end and _MAKER.search(text, begin.end())))
