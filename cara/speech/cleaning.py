"""Makes a transcript uniform before anything is counted: characters, timestamps, stage marks."""

from __future__ import annotations

import re
from collections import Counter

from cara.speech.offsets import Placed, composed

TURN = "\x1c"
TIMESTAMP = "\x1d"
PAUSE = "\x1e"

STAGE_MARKS_KEPT = 20

_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+"
)
_WINDOWS_LINE_END = re.compile("\r\n")
# Each one character long, so that places stay as they are.
_REPLACED = (
    ("\r", "\n"), ("\x85", "\n"), ("\u2028", "\n"), ("\u2029", "\n"), ("\x0b", " "),
    ("\x0c", " "), ("’", "'"), ("‘", "'"), ("ʼ", "'"), ("＇", "'"), ("`", "'"), ("´", "'"), ("\u2011", "-"),
    ("\u2010", "-"), ("_", " "),
)  # fmt: skip

_CLOCK = r"\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?"
_TIMESTAMPS = re.compile(
    rf"[\[(<][ \t]{{0,3}}{_CLOCK}(?:[ \t]{{0,3}}[-–—>]{{1,3}}[ \t]{{0,3}}{_CLOCK})?[ \t]{{0,3}}[\])>]"
    r"|(?<![\w:.,])\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,3})?(?![\w:])"
    r"|^[ \t]*+\d{1,2}:\d{2}(?:[.,]\d{1,3})?(?=[\s>–—-]|\Z)",
    re.MULTILINE,
)
# Subtitles (SubRip, WebVTT): the line of times over each cue with its number or name, and what is no cue.
_CUE_TIMES = re.compile(
    rf"(?:^[ \t]*+(?=[\w/-]{{0,60}}?\d)[\w/-]{{1,60}}+[ \t]*+\n)?^[ \t]*+{_CLOCK}[ \t]++-->[^\n]*+",
    re.MULTILINE,
)
_SUBTITLES = re.compile(r"\A\s*+WEBVTT\b[^\n]*+(?:\n(?:Kind|Language|X-[\w-]{1,40}+)[:=][^\n]*+)*+")
_NO_CUES = re.compile(r"(?<=\n\n)(?:NOTE|STYLE|REGION)(?=\s)[^\n]*+(?:\n[^\n]++)*+")
_CUE_TAGS = re.compile(r"</v>|</?c(?:\.[\w.-]{1,60})?>")

_MARKED_STAGE = (
    "pause|silence|beat|breath|break|laugh|chuckle|giggle|sigh|cough|applause|clap|cheer|music|noise|inaudible|"
    "unintelligible|unclear|crosstalk|cross-talk|whisper|cry|sob|sniff|gasp|smile|nod|clears|"
    "long pause|short pause"
)
_STAGE = re.compile(
    r"\[[ \t]{0,3}([^\[\]\n]{1,60})\]"
    rf"|\([ \t]{{0,3}}((?:{_MARKED_STAGE})[^()\n]{{0,40}})\)",
    re.IGNORECASE,
)
_SILENT = re.compile(r"pause|silence|beat|breath|break")


def uniform(transcript: str) -> Placed:
    """The transcript in NFC, with plain apostrophes and line ends, without control or invisible characters.

    Timestamps become one sentinel character: those in brackets (`[00:12]`), those of three parts
    (`00:12:03`), those of two parts that begin a line (so a time of day that begins a line is lost), and the
    lines of times in subtitles. The head and the notes of a WebVTT file go.
    """
    placed = composed(transcript).replaced(_WINDOWS_LINE_END, "\n")
    text = placed.text
    for found, wanted in _REPLACED:
        text = text.replace(found, wanted)
    placed = Placed(text, placed.places).replaced(_CONTROLS, "")
    if _SUBTITLES.match(placed.text):
        placed = placed.replaced(_SUBTITLES, "").replaced(_NO_CUES, "").replaced(_CUE_TAGS, "")
    if ":" not in text:
        return placed
    return placed.replaced(_CUE_TIMES, TIMESTAMP).replaced(_TIMESTAMPS, TIMESTAMP)


def without_stage_marks(text: str) -> tuple[str, dict[str, int]]:
    """The text without `[pause]`, `(laughs)` and the like, and how often each stood there.

    Anything short in square brackets is a stage mark; in round brackets only the usual ones, since people
    write asides there. A silence leaves a pause character behind. At most `STAGE_MARKS_KEPT` names are kept.
    """
    counts: Counter[str] = Counter()

    def taken(match: re.Match[str]) -> str:
        name = " ".join((match[1] or match[2]).lower().split())
        counts[name] += 1
        return f" {PAUSE} " if _SILENT.search(name) else " "

    cleaned = _STAGE.sub(taken, text)
    return cleaned, dict(counts.most_common(STAGE_MARKS_KEPT))
