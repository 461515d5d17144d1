"""What makes a secret easy to guess: one part over and over, the order of an alphabet or a keyboard, words.

For passwords, which people choose, and for signing keys, which must be random.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

ORDERS: Final = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopüasdfghjklöäyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
)
"""Digits, alphabets, rows of keyboards, and keys from row to row. Each goes on from its end to its start."""
MIN_RUN: Final = 4

MIN_RANDOM_CHARACTERS: Final = 20
MIN_RANDOM_BITS: Final = 64
MIN_DISTINCT_CHARACTERS: Final = 6
MIN_NEW_TRIGRAMS: Final = 0.7
MAX_NEIGHBOURS: Final = 0.7
MAX_DIGRAPHS: Final = 0.34
WORD_BITS: Final = 1.5
"""Bits in a character of words: a little more than Shannon's 0.6 to 1.3 for running text (1951)."""

_PLACEHOLDERS: Final = (
    "backend bytes cara change characters coach communication default development example generate insecure "
    "keep least letmein never passphrase password passwort placeholder please private production random "
    "really replace safe secret secure server share should signing strong string super testing thirty token "
    "value"
).split()
_SHORT_PLACEHOLDERS: Final = (
    "a admin an and api app at be bit bits dev do env for here hs256 in is it jwt key long me more must my "
    "not now of or our prod sha256 some test tests than the this to two use very with your"
).split()
_WORDS: Final = re.compile(
    rf"{'|'.join(_PLACEHOLDERS)}|(?<![a-z0-9])(?:{'|'.join(_SHORT_PLACEHOLDERS)})(?![a-z0-9])"
)
_DIGRAPHS: Final = frozenset(
    "al ar as at be ch co de ea ed el en er es et ha he hi ho ic in io is it ke la le li ll ly ma me mo nd "
    "ne ng no nt of om on or ou ra re ro sa se si st te th ti to ur us ve wo".split()
)
"""Pairs of letters that make up half of English, and a tenth of random letters."""
_NEIGHBOURS: Final = frozenset(pair for order in ORDERS for pair in pairwise(order + order[0]))


def repeated_part(text: str) -> str:
    """Returns the shortest part that the text repeats, at least twice: `ab` of `ababa`.

    It is the text itself if there is none.
    """
    for length in range(1, len(text) // 2 + 1):
        if text[length:] == text[:-length]:
            return text[:length]
    return text


def is_sequence(text: str) -> bool:
    """Returns whether the whole text runs through an order, or through two of them by turns: `a1b2c3d4`."""
    by_turns = len(text) >= 2 * MIN_RUN and _is_run(text[::2]) and _is_run(text[1::2])
    return by_turns or (len(text) >= MIN_RUN and _is_run(text))


def _is_run(text: str) -> bool:
    """Returns whether the text goes through an order, or through every other of it, forwards or backwards.

    It may stay at a character before it goes on to the next: `11223344`.
    """
    for order in ORDERS:
        if set(text) <= set(order):
            steps = _steps(text, order)
            if steps <= {0, 1} or steps <= {0, -1} or steps in ({2}, {-2}):
                return True
    return False


def _steps(text: str, order: str) -> set[int]:
    """Returns how far it is from each character to the next; each order goes on from its end to its start."""
    half = len(order) // 2
    return {
        (order.index(after) - order.index(before) + half) % len(order) - half
        for before, after in pairwise(text)
    }


def lacks_randomness(secret: str) -> bool:
    """Returns whether a text of 32 bytes or more is what people type, and no generator of secrets returns.

    People type words, runs and repetitions. What a generator makes of 16 random bytes or more, in base64,
    hexadecimal digits and the like, passes. A text that looks random may be known to others all the same.
    """
    folded = secret.casefold()
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
    pairs = list(pairwise(text))
    if sum("".join(pair) in _DIGRAPHS for pair in pairs) > MAX_DIGRAPHS * len(pairs):
        return WORD_BITS
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


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
