r"""Which runs of characters are one word, as a regular expression.

A word is a run of letters and digits, joined by what stands inside of words: apostrophes and hyphens; the
points, commas, colons and slashes of numbers; the ampersand of `R&D`; the points of `p.m.`, `example.com` and
`notes.txt`; what links and addresses are made of. A joint is looked at only where a run ends.
"""

from __future__ import annotations

import re
from typing import Final

from cara.speech.segmenter import UNSPACED

# Signs that belong to a word though `\w` leaves them out: accents, and the vowel signs of many scripts.
COMBINING: Final = (
    r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f"  # Latin, Greek
    r"\u0483-\u0487"  # Cyrillic
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew
    r"\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # Arabic
    r"\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"  # Devanagari
    r"\u0981-\u0983\u09bc-\u09cd"  # Bengali
    r"\u0a01-\u0a51\u0a81-\u0acd"  # Gurmukhi, Gujarati
    r"\u0b01-\u0bcd\u0c00-\u0c56"  # Oriya, Tamil, Telugu
    r"\u0c81-\u0cd6\u0d00-\u0d57"  # Kannada, Malayalam
    r"\u0d81-\u0ddf"  # Sinhala
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # Thai
    r"\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"  # Lao
    r"\u102b-\u103e\u17b4-\u17d3"  # Myanmar, Khmer
)
_SIGN: Final = rf"[\w{COMBINING}]"
_LETTER: Final = r"[^\W\d_]"

_SPACE_IN_NUMBER: Final = r"[ \u00a0\u2009\u202f]"
# Groups of three digits behind one to three: `1 000 000`, but neither `2020 2021` nor `12 345 67`.
_GROUPED_NUMBER: Final = (
    rf"\d{{1,3}}+(?:{_SPACE_IN_NUMBER}\d{{3}}(?!\d))+(?:[.,]\d++)?(?!{_SPACE_IN_NUMBER}?\d|{_SIGN})"
)
# `+1 (555) 123-4567` and `(555) 123-4567`, without the sign before.
_TELEPHONE: Final = (
    r"(?<=\+)\d{1,3}+(?=(?:[ .()-]{0,3}\d){6})(?:[ .-]?+\(?\d{1,5}+\)?){2,8}"
    rf"|(?<=\()\d{{3}}\)[ ]?\d{{3}}[ .-]\d{{4}}(?!{_SIGN})"
)
# `U.S`, `p.m` and `Ph.D`; the last full stop may end a sentence, too, and is none of the word.
_DOTTED: Final = (
    rf"(?:(?:{_LETTER}\.)+{_LETTER}|(?:Ph|Ed|Psy|LL)\.[BDM]|[BDM]\.(?:Sc|Phil|Eng|Ed|Tech|Arch|Com))"
    rf"(?!{_SIGN})(?:\.(?=['-]{_SIGN}))?"
)

_CLOSING: Final = r""".,;:!?'"…)\]}*_"""
# A link runs up to a blank, a bracket, a quotation mark or a letter of a script without spaces; it never ends
# in punctuation, but may hold brackets in pairs.
_REST_OF_LINK: Final = (
    rf"(?:[{_CLOSING}]*+(?:[^\s{_CLOSING}<>()\[{{|`«»“”„‘’\u3000-\u303f\uff00-\uff65{UNSPACED}]"
    r"|\([^\s()<>]{1,100}+\)))+"
)
# Endings that are English words (`in`, `is`) are no evidence: a space may be missing behind a full stop.
_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|info|biz|io|ai|app|dev|co|uk|de|fr|jp|cn|ru|br|au|ca|ch|nl|pl|se|eu|tv|fm"
    "|dk|fi|cz|gr|ie|nz|za|mx|kr|hk|sg|tw|ua|xyz|example"
)
_FILES: Final = (
    "txt|pdf|docx?|xlsx?|pptx?|odt|csv|tsv|json|xml|ya?ml|toml|md|html?|css|jsx?|tsx?|py|rb|java|cpp|php|sql|sh"
    "|exe|zip|gz|png|jpe?g|gif|svg|webp|mp[34]|m4a|wav|mov|avi|webm|srt|vtt|cha|ipynb|log"
)
_NAME_PARTS: Final = rf"(?:{_SIGN}[\w-]*+\.){{0,3}}"
_SITE_OR_FILE: Final = (
    rf"\.{_NAME_PARTS}(?:(?i:{_DOMAINS}|{_FILES})(?!{_SIGN})(?:[/?\#:]{_REST_OF_LINK})?"
    rf"|[A-Za-z]{{2,10}}+/{_REST_OF_LINK})"
)

WORD: Final = rf"""
(?: {_GROUPED_NUMBER} | {_TELEPHONE} | {_DOTTED} | {_SIGN}++ )
(?: ['·\u05f3\u05f4-]{_SIGN}++
  | (?<=\d)[.,:/–](?=\d){_SIGN}++
  | &(?={_LETTER}{{1,2}}(?!{_LETTER})){_SIGN}++       # R&D, AT&T
  | (?<=mailto):{_SIGN}++
  | @{_SIGN}++(?:[.-]{_SIGN}++)*
  | [.+%](?=(?:{_SIGN}++[.+%-]){{0,6}}{_SIGN}++@{_SIGN}){_SIGN}++   # ann.lee@
  | (?<=\d[ap])\.m(?!{_SIGN})                           # 3p.m.
  | (?<=\b[Ww]{{3}})\.{_REST_OF_LINK}
  | {_SITE_OR_FILE}
  | ://{_REST_OF_LINK}
)*
"""
"""One word, in the verbose syntax, without groups."""

WORD_AND_GAP: Final = re.compile(rf"({WORD})([^\w{COMBINING}]*+)", re.VERBOSE)
