"""Footers: what the tool that wrote a transcript puts below it, which nobody says."""

from __future__ import annotations

import re
from typing import Final

_LINK: Final = r"(?:https?://|www\.|\w\.(?:ai|com|io|org|net|app|co|me|fm|tv|de|example)\b)"
_SERVICES: Final = (
    r"(?:amara|assemblyai|castingwords|cockatoo|deepgram|descript|fathom|fireflies|google meet|gotranscript"
    r"|grain|happy ?scribe|meetgeek|microsoft (?:teams|stream|word)|notta|otter|read ?ai|rev|riverside"
    r"|scribie|sonix|speechmatics|temi|tl;dv|trint|turboscribe|verbit|veed|vimeo|webex|whisper|youtube|zoom)"
)
_MADE: Final = (
    r"(?:transcri(?:bed|pts?|ptions?)|generated|exported|recorded|powered|translat(?:ed|ion)|subtitle[ds]?|captions?"
    r"|captioned|transkri(?:biert|pt|ption)|untertitel\w{0,4}|transcrit|transcrip(?:tie|ción)|sous-titr\w{1,5}"
    r"|transcri[tç]\w{1,3}|subt[ií]tul\w{1,4}|legenda\w{0,4}|trascri(?:tto|zione)|sottotitol\w{1,4}"
    r"|getranscribeerd|ondertitel\w{0,4}|transkrypcja|napisy|deşifre|altyazı\w{0,4}|расшифровано|расшифровка"
    r"|субтитры)"
)
_WITH: Final = (
    r"(?:\b(?:by|with|from|at|using|via|on|von|mit|durch|der|des|par|avec|por|con|com|da|tramite|door|met|przez"
    r"|с помощью)\b|[:：])"
)
_BEFORE: Final = (
    r"(?:automatically |auto-|(?:this|the) (?:\w{1,12} ){0,2}"
    r"(?:transcript(?:ion)?|recording|file|document|text) (?:was|is|has been) (?:automatically )?)?"
)
_CREDIT: Final = re.compile(
    rf"[-–—*_~(\[ ]{{0,5}}(?:{_BEFORE}{_MADE}\b(?: [\wé]{{1,15}}){{0,3}} ?{_WITH}[^\n]{{0,40}}"
    rf"(?:{_LINK}[^\n]{{0,80}}|\b{_SERVICES}\b(?: (?:ai|app|inc|community|transcription))?[^\w\n]{{0,4}})"
    rf"|(?:文字起こし|字幕|转录|轉錄|転写)[^\n]{{0,20}}{_LINK}[^\n]{{0,80}})",
    re.IGNORECASE,
)
"""Names a service; in the only line of a text, too, since nobody speaks like this."""
_FOOTER: Final = re.compile(
    r"(?:(?:meeting|transcription|recording|transcript|call)[ ](?:has[ ])?ended\b[^\n]{0,40}"
    r"|this[ ](?:editable[ ])?transcript[ ]was[ ][^\n]{0,160}"
    r"|\[?end[ ]of[ ](?:transcript(?:ion)?|recording|audio|interview)\]?\.?"
    r"|https?://\S{1,100}|Page[ ]\d{1,4}[ ]?(?:of|/)[ ]?\d{1,4}|[-–—_=*]{3,}"
    r"|exported[ ]\d{1,9}[ ]message(?:s|\(s\))?"
    r"|[^\n]{1,60}[ ](?:started|stopped)[ ](?:the[ ])?(?:transcription|recording)\.?)",
    re.IGNORECASE,
)
_MOST_CHARACTERS: Final = 200
_MOST_LINES: Final = 5


def end_of_words(text: str) -> int:
    """Returns where the footer of the tool that wrote the transcript begins; the end if there is none."""
    end = len(text.rstrip())
    for _ in range(_MOST_LINES):
        start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
        line = text[start : min(end, start + _MOST_CHARACTERS + 1)].strip()
        if not is_credit(line) and not (start and len(line) <= _MOST_CHARACTERS and _FOOTER.fullmatch(line)):
            break
        end = len(text[:start].rstrip())
    return end


def is_credit(line: str) -> bool:
    """Returns whether a line names the service that made the transcript: `Transcribed by https://…`."""
    return len(line) <= _MOST_CHARACTERS and _CREDIT.fullmatch(line) is not None
