"""The notation of CHAT's main tiers: which characters of it were spoken.

Source: MacWhinney, Tools for Analyzing Talk, part 1: The CHAT Transcription Format
(https://talkbank.org/0info/manuals/CHAT.html).
"""

from __future__ import annotations

import re

from cara.transcripts.mapped_text import MappedText

# Signs that take the place of others until all is read: no offset changes before. Files can't contain them,
# since control characters are replaced first.
GONE = "\x00"
"""Stands for a character that says nothing."""
_PAUSE, _UNCLEAR, _EVENT_END, _CUT_OFF, _SET_OFF = "\x01\x02\x03\x04\x05"
_WRITTEN_OUT = (
    (re.compile(_PAUSE), "[pause]"),
    (re.compile(_UNCLEAR), "[unintelligible]"),
    (re.compile(rf"{_EVENT_END}(?=[,.?!])"), "]"),
    (re.compile(_EVENT_END), "] "),
    (re.compile(_CUT_OFF), "- "),
    (re.compile(_SET_OFF), ", "),
    (re.compile("  +"), " "),
)

_CONVERSATION_ANALYSIS = "↑↓⇗↗→↘⇘∞≈≋≡∆∇⁎°▁▔☺♋⁇∬∮≠⤆⤇↻⁑∙∾◉§ˈˌ‹›〔〕〈〉"
_CONTROLS = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), 127]))
_CHARACTERS = str.maketrans(
    {"\t": " ", "\u00a0": " ", "‡": ","} | dict.fromkeys(_CONTROLS + _CONVERSATION_ANALYSIS, GONE)
)
_WORD_SIGNS = str.maketrans({"_": " ", "^": GONE, "~": GONE, "<": GONE, ">": GONE})
_EVENT_SIGNS = str.maketrans(":_^", "   ")

_TIMES = re.compile(
    r'[\x15•](?:%[a-z]{3}:"?[^"\x15•\n]{0,100}"?)?_?(?:\d{1,9}_\d{1,9})?-?[\x15•]'
    r"|\d(?<![^\s.?!].)\d{0,8}_\d{1,9}[\x15•]?(?!\S)"  # its control characters were lost
)

# What stands before and behind the sign at hand. The sign comes first in each pattern: so a search is fast.
_FREE = rf"(?<![^ {GONE}\n<“].)"
_END = rf"(?=[ {GONE}\n,.?!>”]|$)"
_HESITATION = r"(?:u+[hm]+|e+r+m?|e+h+m*|a+h+|h+m+|m+h*m+)\b"

# What says nothing, or stands for something else.
_NOTATION = tuple(
    (re.compile(pattern), sign)
    for pattern, sign in (
        # [: target], [* error], [//], [=! whispers], [+ code], [x 3], [e]; but [Music] is no annotation
        (r"\[(?:[^\w\s\[\]]|x ?\d|c?e(?=\])|[ ])[^\[\]\n]{0,300}\]", ""),
        (r"[⌈⌉⌊⌋]\d?", ""),
        (r"↫[^↫\s]{0,30}↫", ""),  # a stutter
        (r"[ἩΫ](?:(?=[a-z])|(?<=[a-z].))", ""),  # laughs or yawns in a word
        (r"&(?:\*[A-Z]\w{0,7}[:=][^ \n]{0,100}|[{}][a-z]=[^ \n]{0,60})", ""),  # another's word, a long event
        (r"&-(?=\w)", ""),
        (rf"&{_FREE}(?={_HESITATION})", ""),  # a filler of older files
        (r"@(?<=[\w'’)]@)[a-z]{1,3}(?:[:$+&][\w+&:$-]{1,40})?(?!\w|\.\w)", ""),  # of which kind a word is
        (r":(?<=[^\W\d]:):{0,20}", ""),  # drawn out
        (r"\((?:\.{1,3}|(?:\d{1,3}:)?(?:\d{1,4}\.?\d{0,3}|\.\d{1,3}))\)", _PAUSE),
        (rf"#{_FREE}#{{0,2}}(?:\d{{1,3}}(?:_\d{{1,3}})?)?{_END}", _PAUSE),
        (rf"[wxy]{_FREE}(?:(?<=x)xx?|(?<=y)yy?|(?<=w)ww){_END}", _UNCLEAR),
        (rf"0{_FREE}(?:[^\W\d][^ \n]{{0,60}})?{_END}", ""),  # omitted
        (r"\((?:(?<=\w\()[\w'’]{1,20}\)|[\w'’]{1,20}\)(?=\w))", ""),  # (be)cause: not spoken
        (r"\+(?<=\w\+)(?=\w)", " "),  # a compound
        (r"„(?=[ ])", ","),
    )
)
_TERMINATORS = {
    "+...": "…", "+…": "…", "+..?": "…?", "+…?": "?", "+/.": "—", "+//.": "—", "+/?": "—?", "+//?": "—?",
    "+!?": "?", '+"/.': ":", '+".': ".",
}  # fmt: skip
_PLUS = re.compile(rf'\+{_FREE}[-<^+,.?!/…≈≋"“”]{{1,5}}{_END}|\+(?:\.\.[.?]|//?[.?])')
_BEFORE_PUNCTUATION = re.compile(
    rf"[ {GONE}](?<=[^ {GONE}\n].)[ {GONE}]*+(?=[,.?!;:…—]{{1,3}}(?:[ {GONE}\n]|$))"
)
# Commas set off a filler that is a word, so that it is not read as another: `it was, you know, slow`.
_FILLER = re.compile(rf"(?:[ ](?<=\w.))?&-(?!{_HESITATION})([^\s{GONE}<>,.?!]{{1,60}})(?:[ ](?=[\w&<]))?")
_EVENT = re.compile(rf"&=([^\s{GONE}<>\[\]]{{1,58}})[ {GONE}>]")
_FRAGMENT = re.compile(rf"&(?:[+~]|{_FREE}(?=\w))([^\s{GONE}<>,.?!]{{1,60}})[ {GONE}>]")
_LEFT_OVER = re.compile(r"&[=+~][^\s]{0,60}")


def read_notation(text: str) -> MappedText:
    """Returns what was spoken in the lines of a text in which `GONE` stands for what is no main tier.

    Words are as spoken: `(be)cause [: because]` is `cause`. Pauses, events and what is unintelligible are
    stage marks, fragments end in a hyphen, interruptions in a dash.
    """
    text = _replaced(_TIMES, "", text).translate(_CHARACTERS)
    text = _EVENT.sub(lambda event: f"[{GONE}{event[1].translate(_EVENT_SIGNS)}{_EVENT_END}", text)
    text = _FILLER.sub(_set_off, text)
    for pattern, sign in _NOTATION:
        text = _replaced(pattern, sign, text)
    text = _PLUS.sub(lambda match: _TERMINATORS.get(match[0], "").ljust(len(match[0]), GONE), text)
    text = _FRAGMENT.sub(lambda match: match[1].rjust(len(match[0]) - 1, GONE) + _CUT_OFF, text)
    text = _replaced(_LEFT_OVER, "", text).translate(_WORD_SIGNS)
    text = _replaced(_BEFORE_PUNCTUATION, "", text)
    offsets = [offset for offset, sign in enumerate(text) if sign != GONE]
    mapped = MappedText(text.replace(GONE, ""), [*offsets, len(text)])
    for pattern, written in _WRITTEN_OUT:
        mapped = mapped.replace(pattern, written)
    return mapped


def _set_off(filler: re.Match[str]) -> str:
    before = f", {GONE}" if filler[0].startswith(" ") else GONE * 2
    return before + filler[1] + (_SET_OFF if filler[0].endswith(" ") else "")


def _replaced(pattern: re.Pattern[str], sign: str, text: str) -> str:
    return pattern.sub(lambda match: sign.ljust(len(match[0]), GONE), text)
