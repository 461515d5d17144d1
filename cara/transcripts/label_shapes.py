"""The shapes of lines that name a speaker, one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from cara.expressions import compiled
from cara.transcripts.clocks import CLOCK, DATE, DAY, HALF, HALF_AHEAD, LETTERED, MOMENT, TO, has_clocks

# Each is one character for one character, so that offsets stay the same.
_LINE_ENDS = ("\r", "\x85", "\u2028", "\u2029", "\x0c")
_SPACES = ("\ufeff", "\u200b", "\u200e", "\u200f", "\u202f", "\xa0", "\u3000", "\u2009", "\u202a", "\u202c")

_BLOCKS = "p|div|br|li|ul|ol|h[1-6]|tr|td|blockquote|section"
_ELEMENT_END = re.compile(rf"</(?:{_BLOCKS}|b|i|em|strong|u|span|font)>|<br[ /]*>", re.IGNORECASE)
_BLOCK = re.compile(rf"</?(?:{_BLOCKS})(?:[ /][^<>]{{0,300}})?+>", re.IGNORECASE)
_INLINE = re.compile(r"</?(?:b|i|em|strong|u|span|font)(?:[ /][^<>]{0,300})?+>|&nbsp;", re.IGNORECASE)

_GAP = r"[ \t]*+"
# Marks of lists, headings and quotations, and the numbers of lines at the margin.
_LEAD = r"\n[ \t]*+(?:(?:[-•–—>*]{1,3}|#{1,6}|\(?\d{1,2}[.)]?)[ \t]++|>{1,3}[ \t]*+|@)?+"
_OPEN = r"(?:[*_\[]{1,3}+)?+"
_CLOSE = r"(?:[*_\]]{1,3}+)?+"
_CHARACTER = r"[^\s:：\[\](){}<>|*\"“”!?;=\\…—]"
_PHONE = r"(?=[\d ().+-]{7})\+?\(?\d[\d().-]{0,15}+(?:[ ][\d().-]{1,12}+(?!:)){0,5}+"
# No word of a name: a date or a time behind it, and what is said.
_NO_WORD = (
    r"(?!\d{1,4}[:./-]\d|(?:Toda|Yesterda)y[ ]|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?[ ]\d"
    r"|[-–][ ]|APP[ ]|BOT[ ]|[-–]\d|said:[ ]*+\n)"
)
_NICKNAME = r"[\"“][^\"“”\n]{1,20}[\"”]"
_WORDS = (
    rf"\d{{0,3}}+[^\W\d_]{_CHARACTER}{{0,39}}+"
    rf"(?:[ ]{{1,3}}{_NO_WORD}(?:{_CHARACTER}{{1,39}}+|{_NICKNAME})){{0,7}}+"
)
_NAME = rf"(?P<name>{_PHONE}|{_WORDS})"
# Before a colon also a room and its place: `Room 2 | Berlin`.
_PLACED = rf"(?P<name>{_PHONE}|{_WORDS}(?:[ ]\|[ ]{_WORDS})?+)"
# What has no small letter of English: most lines of a text are out of question at once.
_CAPITAL = _CHARACTER.replace(r"[^\s", r"[^\sa-z")
_CAPITALS = rf"(?P<name>[^\W\d_a-z]{_CAPITAL}{{0,39}}+(?:[ ]{{1,3}}{_CAPITAL}{{1,39}}+){{0,4}}+)"
_ASIDE = r"(?:[ ]{0,2}[(（](?!\d)[^()（）\n:]{1,40}[)）])?+"
_TIME = rf"{HALF_AHEAD}?+{CLOCK}Z?+{HALF}?+(?:{TO}{CLOCK}{HALF}?+)?+"
_SPAN = rf"[\[(]?+{LETTERED}(?:{TO}{LETTERED})?+[\])]"
_BEFORE = rf"(?P<before>[\[(<#]?[ ]?{DAY}?+{_TIME}(?:-\d#)?[ ]?[\])>#]?|{_SPAN})"
_BEHIND = rf"(?P<behind>[\[(<]?[ ]?{DAY}?+{_TIME}[ ]?[\])>]?|{_SPAN})"
_CHANNEL = r"(?P<name2>[^\W\d_]{2,20}:\d{1,3})(?=[ ]{0,3}[:：])"
_SPELLED = r"(?:\d{1,3}[ ](?:hour|minute|second)s?[ ]?,?[ ]?){0,3}+"
_NICK = r"(?P<name>[^\W\d][^<>\n]{0,39})"
_DASH = r"[ \t]{0,4}(?:[-–—|·•,][ \t]{0,4})?+"


class Label(NamedTuple):
    """The name of a speaker where it stands in the text: [start, end) is no word.

    The name is None in a line of the system.
    """

    name: str | None
    start: int
    end: int
    clock: str | None = None


Proof = Literal["message", "time", "court", "colon", "capitals", "heading", "layout", "change"]


@dataclass(frozen=True)
class Shape:
    """A kind of lines that name a speaker, as regular expressions that are compiled when a text needs them.

    `proof` says what kind of evidence such a line is (`dialogues` decides by it).
    """

    proof: Proof
    line: str
    sign: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches each such line up to what is said."""
        return compiled(self.line)

    @cached_property
    def hint(self) -> re.Pattern[str]:
        """Is found in every text that has such lines."""
        return compiled(self.sign)

    @property
    def timed(self) -> bool:
        """Whether a time or a date is a part of it, as in what programs write."""
        return self.proof in ("message", "time")


_ANY_CLOCK = r"\d:\d|\ds[\])]"
SHAPES = (
    # 12/05/2026, 10:00 - Ann: text   [12/05/2026, 10:00:01] Ann: text
    Shape(
        "message",
        rf"\n{_GAP}(?:\[(?P<before>{MOMENT})\][ ]*+[-–]?[ ]*+"
        rf"|(?P<before2>{MOMENT})(?:[ ]{{1,2}}[-–][ ]{{1,2}}|,[ ]))"
        rf"(?:(?P<name>(?:[^:\n\"“”„«»]|{_NICKNAME}){{1,60}}+):(?=\s|$)[ \t]*+)?+",
        r"\d[ ]?[./-][ ]?\d|\d[년年]",
    ),
    # 11:02:00 From Ann Lee to Everyone: text
    Shape(
        "message",
        rf"\n{_GAP}(?P<before>(?:{DATE}[ ,]{{1,2}})?+{CLOCK}{HALF}?+)[ \t]++From[ \t]++"
        rf"(?P<name>[^\n:]{{1,60}}?)"
        rf"(?:[ ][Tt]o[ ][^\n:]{{1,60}}+)?+[ ]*+:{_GAP}",
        r"From",
    ),
    # 0:0:0.0 --> 0:0:3.2 above Ann Lee above text; also a time or a date alone above a name
    Shape(
        "time",
        rf"\n{_GAP}{_BEFORE}{_ASIDE}{_GAP}\n\n?+{_GAP}{_NAME}{_ASIDE}{_GAP}:?+{_GAP}(?=\n)",
        _ANY_CLOCK,
    ),
    # Ann Lee  0:03   Ann Lee (03/04/2026, 09:30 AM)   [Ann Lee] 11:02:00   Ann — Today at 10:00 AM
    Shape(
        "time",
        rf"{_LEAD}{_OPEN}{_NAME}{_ASIDE}{_CLOSE}(?:[ ]{{1,2}}(?:APP|BOT))?+{_DASH}"
        rf"{_CLOSE}{_BEHIND}{_CLOSE}{_GAP}(?=\n)",
        _ANY_CLOCK,
    ),
    # [00:00:12] Ann Lee above text
    Shape(
        "time",
        rf"{_LEAD}{_OPEN}{_BEFORE}{_DASH}{_OPEN}{_NAME}{_ASIDE}{_CLOSE}{_GAP}(?=\n)",
        _ANY_CLOCK,
    ),
    # Ann Lee above 0:03 above text   Ann Lee above `0 minutes 3 seconds0:03` above text
    Shape(
        "time",
        rf"\n{_GAP}{_NAME}{_ASIDE}{_GAP}\n\n?+{_GAP}{_SPELLED}{_BEHIND}{_GAP}"
        rf"(?:\n{_GAP}(?P=name){_GAP}{_SPELLED}{_GAP})?+(?=\n)",
        _ANY_CLOCK,
    ),
    # 10:00 <ann> text
    Shape("message", rf"\n{_GAP}{_BEFORE}[ ]++<[@+ ]?{_NICK}>{_GAP}", r"<"),
    # [00:00:00.000 --> 00:00:03.200] [SPEAKER_00] text   [Speaker:0] text   [Ann Lee 00:00:03] text
    Shape(
        "colon",
        rf"\n{_GAP}(?:{_BEFORE}{_GAP})?+\[(?:(?:(?P<before2>{_TIME})[ ,|–-]{{1,3}})?+"
        rf"(?P<name>[^\W\d_][^\[\]\n:]{{0,39}}?)(?:[ ,|–-]{{1,3}}(?P<behind2>{_TIME}))?+\]"
        rf"(?(before2)[:：]?+|(?(behind2)[:：]?+|(?![ ]{{0,3}}[:：])))"
        rf"|(?P<name2>[^\W\d_][^\[\]\n:]{{0,29}}+:[^\[\]\n:]{{1,10}}+)\]:?+)"
        rf"(?:{_GAP}{_BEHIND}(?=[ \t]))?+[ \t]*+(?=[^\s(\[])",
        r"\[",
    ),
    # Q.  text, and the capitals of those who speak without the letter
    Shape(
        "court",
        rf"\n{_GAP}(?:\d{{1,2}}[ \t]++)?+(?:"
        rf"(?P<name>[QA]|Question|Answer)(?:[.:][ \t]*+|[ \t]{{2,}}+)(?=[^\s.])"
        r"|(?P<name2>[A-Z][A-Z.'’ -]{1,40}+):[ \t]*+)",
        r"\n[ \t]*+(?:\d{1,2}[ \t]++)?+(?:[QA]|Question|Answer)(?:[.:]|[ \t]{2})",
    ),
    # Ann: text   [00:12] **Ann:** text   Ann (she/her) [00:12]: text   Ann 00:12: text   Speaker:0: text
    Shape(
        "colon",
        rf"{_LEAD}{_OPEN}(?:{_BEFORE}{_DASH})?+{_OPEN}(?:{_CHANNEL}|{_PLACED}{_ASIDE})"
        rf"(?:[ ]said(?=:[ ]*+\n))?+{_CLOSE}(?:{_DASH}{_BEHIND})?+{_CLOSE}[ ]*+[:：](?!//|\d){_CLOSE}[ \t]*+"
        rf"(?P<after>\[{CLOCK}\]|\({CLOCK}\)|{CLOCK}(?=[ \t]*+\n))?+[ \t]*+",
        r"[:：]",
    ),
    # Ann<TAB>text   00:12<TAB>Ann<TAB>text
    Shape("layout", rf"\n(?:{_BEFORE}\t++)?+{_NAME}{_ASIDE}\t++(?:{_BEHIND}\t++)?+(?=\S)", r"\t"),
    # **Ann Lee** text   (Ann Lee) text   <ann> text   Ann Lee – text
    Shape("layout", rf"\n{_GAP}(?:\*\*|__){_NAME}{_ASIDE}(?:\*\*|__)[ \t]++(?=\S)", r"\*\*|__"),
    Shape(
        "layout",
        rf"\n{_GAP}\({_NAME}(?:[ ,|–-]{{1,3}}(?P<behind>{_TIME}))?+\)[ \t]++(?=\S)",
        r"\n[ \t]*+\(",
    ),
    Shape("layout", rf"\n{_GAP}<[@+ ]?{_NICK}>[ \t]++(?=\S)", r"\n[ \t]*+<"),
    Shape(
        "layout",
        rf"\n{_GAP}(?:{_BEFORE}[ ]++)?+{_NAME}{_ASIDE}[ \t]{{1,3}}[-–—|][ \t]{{1,3}}(?=\S)",
        r"[ \t][-–—|][ \t]",
    ),
    # >> text
    Shape("change", r"\n[ \t]*+(?:>>>?|&gt;&gt;(?:&gt;)?)(?!>)[ \t]*+", r">>|&gt;&gt;"),
    # ANN (quietly) above text   **Ann Lee** or ### Ann Lee above text
    Shape(
        "capitals",
        rf"\n{_GAP}{_CAPITALS}{_ASIDE}{_GAP}(?=\n[ \t]*+\S)",
        rf"\n{_GAP}{_CAPITALS}{_ASIDE}{_GAP}\n",
    ),
    Shape(
        "heading",
        rf"\n{_GAP}(?:\#{{1,6}}[ ]|\*\*|__){_NAME}{_ASIDE}(?:\*\*|__)?+{_GAP}(?=\n)",
        r"\n[ \t]*+(?:\#{1,6}[ ]|\*\*|__)",
    ),
)  # fmt: skip

_AFTER_SENTENCE = compiled(rf"(?<=[.!?…。？！])[ ](?={_NAME}{_ASIDE}[:：][ ])")


def lines_of(text: str) -> str:
    """Returns the text as the shapes match it: a line feed before it and behind it, and plain spaces.

    Tags of HTML are white space in it, and those of blocks line ends. Where the whole text is one line, it
    is broken where labels may follow sentences. A character has an offset larger by one than in the text.
    """
    if _ELEMENT_END.search(text):
        text = _BLOCK.sub(lambda tag: "\n".ljust(len(tag[0])), text)
        text = _INLINE.sub(lambda tag: " " * len(tag[0]), text)
    for end in _LINE_ENDS:
        text = text.replace(end, "\n")
    for space in _SPACES:
        text = text.replace(space, " ")
    if "\n" not in text.strip():
        text = _AFTER_SENTENCE.sub("\n", text)
    return f"\n{text}\n"


def labels_in(lines: str, shape: Shape) -> Iterator[Label]:
    """Yields what looks like labels of the shape, in order."""
    if not shape.hint.search(lines):
        return
    names = _groups(shape, "name")
    clocks = _groups(shape, "before", "behind", "after") if has_clocks(lines) else []
    for match in shape.pattern.finditer(lines):
        start, end = match.span()
        name = _first(match, names)
        yield Label(name, max(0, start - 1), end - 1, _first(match, clocks) if clocks else None)


def _groups(shape: Shape, *names: str) -> list[int]:
    """Returns the numbers of the groups with a name, in the order of the pattern; `name2` is a `name`."""
    groups = shape.pattern.groupindex
    return [number for group, number in groups.items() if group.rstrip("2") in names]


def _first(match: re.Match[str], groups: list[int]) -> str | None:
    for group in groups:
        if text := match[group]:
            return text.strip(" ,")
    return None
