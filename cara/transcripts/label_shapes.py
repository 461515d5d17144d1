"""The shapes of lines that name a speaker, one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cara.transcripts.clocks import CLOCK, HALF, TO

# Each is one character for one character, so that offsets stay the same.
_LINE_ENDS = ("\r", "\x85", "\u2028", "\u2029", "\x0c")
_SPACES = ("\ufeff", "\u200b", "\u200e", "\u200f", "\u202f", "\xa0", "\u3000", "\u2009", "\u202a", "\u202c")

_GAP = r"[ \t]*+"
# Marks of lists and of quotations, and the numbers of lines at the margin.
_LEAD = r"\n[ \t]*+(?:[-•–>*]{1,3}[ \t]++|\d{1,2}[.)]?[ \t]++|>{1,3}[ \t]*+)?+"
_OPEN = r"[*_\[]{0,3}+"
_CLOSE = r"[*_\]]{0,3}+"
_CHARACTER = r"[^\s:：\[\](){}<>|*\"“”!?;=\\…—]"
_NAME = (
    rf"(?P<name>[^\W\d_]{_CHARACTER}{{0,39}}+"
    rf"(?:[ ]{{1,3}}(?!\d{{1,3}}:\d|[-–][ ]|APP[ ]|BOT[ ])(?![-–][\d]){_CHARACTER}{{1,39}}+){{0,4}}+)"
)
_ASIDE = r"(?:[ ]{0,2}[(（](?!\d)[^()（）\n:]{1,40}[)）])?+"
_TIME = rf"{CLOCK}{HALF}?+(?:{TO}{CLOCK}{HALF}?+)?+"
_DATE = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\.?+"
    r"|\d{1,2}[ ][^\W\d_]{3,9}\.?[ ]\d{4}|[^\W\d_]{3,9}\.?[ ]\d{1,2},?[ ]\d{4})"
)
_DAY = rf"(?:(?:Today|Yesterday)(?:[ ]at)?[ ]|{_DATE},?[ ]{{1,2}})"
_BEFORE = rf"(?P<before>[\[(<]?[ ]?{_TIME}[ ]?[\])>]?)"
_BEHIND = rf"(?P<behind>[\[(<]?[ ]?{_DAY}?+{_TIME}[ ]?[\])>]?)"
_DASH = r"[ \t]{0,4}(?:[-–—|·•,][ \t]{0,4})?+"


class Label(NamedTuple):
    """The name of a speaker where it stands in the text: [start, end) is no word.

    `decorated` says whether a time stands at it. The name is None in a line of the system.
    """

    name: str | None
    start: int
    end: int
    clock: str | None = None
    decorated: bool = False


class Shape(NamedTuple):
    """A kind of lines that name a speaker.

    `timed` says that a time or a date is a part of it: lines of prose hardly look like it. `hint` is in
    every text that has such lines.
    """

    kind: str
    pattern: re.Pattern[str]
    hint: re.Pattern[str]
    timed: bool = False


def _shape(kind: str, pattern: str, hint: str, *, timed: bool = False) -> Shape:
    return Shape(kind, re.compile(pattern), re.compile(hint), timed)


_ANY_CLOCK = r"\d:\d"
SHAPES = (
    # 12/05/2026, 10:00 - Ann: text   [12/05/2026, 10:00:01] Ann: text
    _shape(
        "dated",
        rf"\n{_GAP}(?:\[(?P<before>{_DATE},?[ T]{{1,2}}{CLOCK}{HALF}?+)\][ ]*+[-–]?[ ]*+"
        rf"|(?P<before2>{_DATE},?[ T]{{1,2}}{CLOCK}{HALF}?+)[ ]{{1,2}}[-–][ ]{{1,2}})"
        r"(?:(?P<name>[^:\n]{1,60}+):(?=\s|$)[ \t]*+)?+",
        r"\d[./-]\d",
        timed=True,
    ),
    # 11:02:00 From Ann Lee to Everyone: text
    _shape(
        "zoom chat",
        rf"\n{_GAP}(?P<before>{CLOCK}{HALF}?+)[ \t]++From[ \t]++(?P<name>[^\n:]{{1,60}}?)"
        rf"(?:[ ]to[ ][^\n:]{{1,60}}+)?+[ ]*+:{_GAP}",
        r"From",
        timed=True,
    ),
    # 0:0:0.0 --> 0:0:3.2 above Ann Lee above text; also a time alone above a name
    _shape(
        "time above",
        rf"\n{_GAP}(?P<before>[\[(]?{_TIME}[\])]?){_GAP}\n\n?+{_GAP}{_NAME}{_ASIDE}{_GAP}:?+{_GAP}(?=\n)",
        _ANY_CLOCK,
        timed=True,
    ),
    # Ann Lee  0:03   Ann Lee (03/04/2026, 09:30 AM)   [Ann Lee] 11:02:00   Ann — Today at 10:00 AM
    _shape(
        "time behind",
        rf"{_LEAD}{_OPEN}{_NAME}{_ASIDE}{_CLOSE}(?:[ ]{{1,2}}(?:APP|BOT))?+{_DASH}"
        rf"{_CLOSE}{_BEHIND}{_CLOSE}{_GAP}(?=\n)",
        _ANY_CLOCK,
        timed=True,
    ),
    # [00:00:12] Ann Lee above text
    _shape(
        "time before",
        rf"{_LEAD}{_OPEN}{_BEFORE}{_DASH}{_OPEN}{_NAME}{_ASIDE}{_CLOSE}{_GAP}(?=\n)",
        _ANY_CLOCK,
        timed=True,
    ),
    # Ann Lee above 0:03 above text
    _shape(
        "time below",
        rf"\n{_GAP}{_NAME}{_ASIDE}{_GAP}\n\n?+{_GAP}{_BEHIND}{_GAP}(?=\n)",
        _ANY_CLOCK,
        timed=True,
    ),
    # 10:00 <ann> text
    _shape("chat", rf"\n{_GAP}{_BEFORE}[ ]++<[@+ ]?(?P<name>[^<>\s]{{1,40}})>{_GAP}", r"<", timed=True),
    # [00:00:00.000 --> 00:00:03.200] [SPEAKER_00] text   [Speaker:0] text
    _shape(
        "brackets",
        rf"\n{_GAP}(?:{_BEFORE}{_GAP})?+\[(?:(?P<name>[^\W\d_][^\[\]\n:]{{0,39}}+)\](?![ ]{{0,3}}[:：])"
        rf"|(?P<name2>[^\W\d_][^\[\]\n:]{{0,29}}+:[^\[\]\n:]{{1,10}}+)\]:?+)"
        rf"(?:{_GAP}{_BEHIND}(?=[ \t]))?+[ \t]*+(?=[^\s(\[])",
        r"\[",
    ),
    # Q.  text, and the capitals of those who speak without the letter
    _shape(
        "court",
        rf"\n{_GAP}(?:\d{{1,2}}[ \t]++)?+(?:"
        rf"(?P<name>[QA]|Question|Answer)(?:[.:][ \t]*+|[ \t]{{2,}}+)(?=[^\s.])"
        r"|(?P<name2>[A-Z][A-Z.'’ -]{1,40}+):[ \t]*+)",
        r"\n[ \t]*+(?:\d{1,2}[ \t]++)?+(?:[QA]|Question|Answer)(?:[.:]|[ \t]{2})",
    ),
    # Ann: text   [00:12] **Ann:** text   Ann (she/her) [00:12]: text
    _shape(
        "colon",
        rf"{_LEAD}{_OPEN}(?:{_BEFORE}{_DASH})?+{_OPEN}{_NAME}{_ASIDE}{_CLOSE}(?:{_DASH}{_BEHIND})?+"
        rf"[ ]{{0,3}}+[:：](?!//|\d){_CLOSE}[ \t]*+"
        rf"(?P<after>\[{CLOCK}\]|\({CLOCK}\)|{CLOCK}(?=[ \t]*+\n))?+[ \t]*+",
        r"[:：]",
    ),
    # Ann<TAB>text   00:12<TAB>Ann<TAB>text
    _shape("tab", rf"\n(?:{_BEFORE}\t++)?+{_NAME}{_ASIDE}\t++(?:{_BEHIND}\t++)?+(?=\S)", r"\t"),
    # >> text
    _shape("chevrons", r"\n[ \t]*+(?:>>>?|&gt;&gt;(?:&gt;)?)(?!>)[ \t]*+", r">>|&gt;&gt;"),
    # ANN (quietly) above text
    _shape("screenplay", rf"\n{_GAP}{_NAME}{_ASIDE}{_GAP}(?=\n[ \t]*+\S)", r"\n[ \t]*+[^\W\d_][^\n]{0,60}\n"),
)  # fmt: skip


def lines_of(text: str) -> str:
    """Returns the text as the shapes match it: a line feed before it and behind it, and plain spaces.

    A character has an offset larger by one than in the text.
    """
    for end in _LINE_ENDS:
        text = text.replace(end, "\n")
    for space in _SPACES:
        text = text.replace(space, " ")
    return f"\n{text}\n"


def labels_in(lines: str, shape: Shape) -> Iterator[Label]:
    """Yields what looks like labels of the shape, in order."""
    if not shape.hint.search(lines):
        return
    names, clocks = _groups(shape, "name", "name2"), _groups(shape, "before", "before2", "behind")
    after = _groups(shape, "after")
    for match in shape.pattern.finditer(lines):
        groups = match.groups()
        name, clock = _first(groups, names), _first(groups, clocks)
        label = Label(name, max(0, match.start() - 1), match.end() - 1, clock, clock is not None)
        yield label if clock or not after else label._replace(clock=_first(groups, after))


def _groups(shape: Shape, *names: str) -> list[int]:
    return [number - 1 for name, number in shape.pattern.groupindex.items() if name in names]


def _first(groups: tuple[str | None, ...], places: list[int]) -> str | None:
    for place in places:
        if text := groups[place]:
            return text.strip(" ,")
    return None
