"""Tells signing keys that people type from those that a generator of secrets makes."""

from __future__ import annotations

import base64
import binascii
import math
import re
import string
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Final

from cara.predictable import ORDERS

MIN_RANDOM_CHARACTERS: Final = 20
MIN_RANDOM_BITS: Final = 64
MIN_DISTINCT_CHARACTERS: Final = 6
MIN_NEW_TRIGRAMS: Final = 0.7
MAX_NEIGHBOURS: Final = 0.7
MAX_DIGRAPHS: Final = 0.38
MAX_WORDS: Final = 0.6
MAX_CAMEL_CASE: Final = 0.85
MIN_CAMEL_CASE_WORD: Final = 3.3
MAX_DIGRAPHS_IN_CAMEL_CASE: Final = 0.28
WORD_BITS: Final = 1.5
"""Bits in a character of words: a little more than Shannon's 0.6 to 1.3 for running text (1951)."""

_PLACEHOLDERS: Final = (
    "backend bytes cara change characters coach communication default development example generate insecure "
    "keep least letmein never openssl passphrase password passwort placeholder please private production "
    "random really replace safe secret secure server share should signing strong string super testing thirty "
    "token value"
).split()
_SHORT_PLACEHOLDERS: Final = (
    "a admin an and api app at be bit bits dev do env for here hs256 in insert is it jwt key long me more "
    "must my not now of or our output paste prod put sha256 some test tests than the this to two use very "
    "with your"
).split()
_WORDS: Final = re.compile(
    rf"{'|'.join(_PLACEHOLDERS)}|(?<![a-z0-9])(?:{'|'.join(_SHORT_PLACEHOLDERS)})(?![a-z0-9])"
)
_STANDS_FOR_ANOTHER: Final = re.compile(
    r"<[\w .'-]+>"  # <the key>
    r"|.*(\$\([a-z]+ .*\)|\$\{\w{4,}(:?[-?][^}]*)?\}|\{\{[\w .$-]+\}\}).*"  # what a template fills in
    r"|.*\bopenssl rand\b.*|.*\bsecrets\.token_.*|.*/dev/u?random.*"
    r"|(.*[^a-z])?(your|(change|replace)(me|this)?|paste|insert|placeholder|example|dummy)([^a-z].*)?"
    r"|(my|the)?[ _-]?(gemini|google)?[ _-]?api[ _-]?key|none|null|undefined|redacted"
    r"|[.…*x]+",
    re.IGNORECASE | re.DOTALL,
)
_OF_OTHER_USE: Final = re.compile(
    r"[a-z][a-z0-9+.-]+://.*"  # a URL
    r"|(?-i:eyJ.{5}OiJ).*"  # a JSON Web Token, or a part of one
    r"|.*(314159265358|271828182845|161803398874|141421356237).*",  # pi, e, the golden ratio, the root of 2
    re.IGNORECASE | re.DOTALL,
)
_BETWEEN_WORDS: Final = re.compile(r"[\s_.,;:!?'\"/-]+")
_CAMEL_CASE: Final = re.compile(r"(?:[A-Z]|^)[a-z]+")
_DIGRAPHS: Final = frozenset(
    "al ar as at be ch co de ea ed el en er es et ha he hi ho ic in io is it ke la le li ll ly ma me mo nd "
    "ne ng no nt of om on or ou ra re ro sa se si st te th ti to ur us ve wo".split()
)
"""Pairs of letters that make up half of English, and a tenth of random letters."""
_NEIGHBOURS: Final = frozenset(pair for order in ORDERS for pair in pairwise(order + order[0]))


def is_placeholder(text: str) -> bool:
    """Returns whether the text only stands for a secret: `<your key>`, `$(openssl rand …)`, `{{ key }}`."""
    return _STANDS_FOR_ANOTHER.fullmatch(text) is not None


def lacks_randomness(secret: str) -> bool:
    """Returns whether a text of 32 bytes or more is what people type, and no generator of secrets returns.

    People type words, runs, repetitions and what stands for a secret, and put that in base64 or hexadecimal
    digits. What a generator makes of 16 random bytes or more, in base64, hexadecimal digits and the like,
    passes. A text that looks random may be known to others all the same.
    """
    return (
        is_placeholder(secret)
        or len(secret.encode("ascii", "ignore")) < len(secret) / 2
        or _OF_OTHER_USE.fullmatch(secret) is not None
        or _is_running_text(secret)
        or _is_predictable(secret.casefold())
        or any(map(lacks_randomness, _decoded(secret)))
    )


def _decoded(secret: str) -> Iterator[str]:
    """Yields what the secret is the base64, base32 or hexadecimal digits of, if that is printable text."""
    bare = secret.rstrip("=").translate(str.maketrans("-_", "+/"))
    for decode, text in (
        (partial(base64.b64decode, validate=True), bare + "=" * (-len(bare) % 4)),
        (base64.b32decode, bare + "=" * (-len(bare) % 8)),
        (bytes.fromhex, secret),
    ):
        try:
            decoded = decode(text).decode()
        except (ValueError, binascii.Error):
            continue
        if decoded.strip().isprintable():
            yield decoded.strip()


def _is_running_text(secret: str) -> bool:
    """Returns whether most of the text is words between blanks, hyphens and the like, or in CamelCase."""
    words = [word for word in _BETWEEN_WORDS.split(secret) if _is_word(word)]
    if len(words) >= 4 and len("".join(words)) > MAX_WORDS * len(secret):
        return True
    return _is_camel_case(secret.strip(string.digits + string.punctuation))


def _is_camel_case(text: str) -> bool:
    words = _CAMEL_CASE.findall(text)
    joined = "".join(words)
    return (
        len(words) >= 3
        and len(joined) > MIN_CAMEL_CASE_WORD * len(words)
        and len(joined) > MAX_CAMEL_CASE * len(text)
        and _share_of_digraphs(joined.lower()) > MAX_DIGRAPHS_IN_CAMEL_CASE
    )


def _is_word(text: str) -> bool:
    return text.isalpha() and (text.islower() or text.isupper() or text.istitle())


def _is_predictable(folded: str) -> bool:
    rest = _WORDS.sub("", folded)
    return (
        len(rest) < MIN_RANDOM_CHARACTERS
        or len(set(rest)) < MIN_DISTINCT_CHARACTERS
        or len(rest) * _bits_per_character(rest) < MIN_RANDOM_BITS
        or _share_of_new_trigrams(folded) < MIN_NEW_TRIGRAMS
        or _share_of_neighbours(folded) > MAX_NEIGHBOURS
        or min(_share_of_neighbours(folded[::2]), _share_of_neighbours(folded[1::2])) > MAX_NEIGHBOURS
    )


def _bits_per_character(text: str) -> float:
    """Returns the entropy of a character by how often each occurs; that of words where it reads like them."""
    if _share_of_digraphs(text) > MAX_DIGRAPHS:
        return WORD_BITS
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


def _share_of_digraphs(text: str) -> float:
    pairs = list(pairwise(text))
    return sum("".join(pair) in _DIGRAPHS for pair in pairs) / len(pairs)


def _share_of_new_trigrams(text: str) -> float:
    trigrams = [text[start : start + 3] for start in range(len(text) - 2)]
    return len(set(trigrams)) / len(trigrams)


def _share_of_neighbours(text: str) -> float:
    """Returns the share of characters that repeat the one before, or stand beside it in an order."""
    pairs = list(pairwise(text))
    near = sum(
        pair[0] == pair[1] or pair in _NEIGHBOURS or (pair[1], pair[0]) in _NEIGHBOURS for pair in pairs
    )
    return near / len(pairs)
