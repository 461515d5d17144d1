"""What makes a secret easy to guess: one part over and over, the order of an alphabet or a keyboard."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

ORDERS: Final = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん",
    "가나다라마바사아자차카타파하",
    "一二三四五六七八九十",
    "!@#$%^&*()",
    '!"§$%&/()=',
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopüasdfghjklöäyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "qazxswedcvfrtgbnhyujmkiolp",
    "1qazxsw23edcvfr45tgbnhy67ujmki89olp0",
)
"""Digits, alphabets, rows of keyboards, also with Shift, and keys from row to row.

Each goes on from its end to its start.
"""
MIN_RUN: Final = 4
_ODD_AND_EVEN: Final = ("1357924680" * 2, "1357902468" * 2)
_MOST_DIGITS: Final = 6
"""Of the numbers that somebody counts with."""


def repeated_part(text: str) -> str:
    """Returns the shortest part that the text repeats, at least twice: `ab` of `ababa`.

    It is the text itself if there is none.
    """
    for length in range(1, len(text) // 2 + 1):
        if text.startswith(text[length:]):
            return text[:length]
    return text


def is_sequence(text: str) -> bool:
    """Returns whether the text counts, or runs through an order, or through two by turns: `a1b2c3d4`."""
    by_turns = len(text) >= 2 * MIN_RUN and _is_run(text[::2]) and _is_run(text[1::2])
    return by_turns or (len(text) >= MIN_RUN and _is_run(text)) or _counts(text)


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


def _counts(text: str) -> bool:
    """Returns whether the text is three numbers or more with the same distances: `2468101214`, `99989796`.

    The odd digits and then the even ones are such a text too.
    """
    if len(text) < 2 * MIN_RUN or not (text.isascii() and text.isdigit()):
        return False
    return any(text in order for order in _ODD_AND_EVEN) or any(
        _count(int(text[:width]), int(text[width : width + next_width]), len(text)) == text
        for width in range(1, min(len(text) // 3, _MOST_DIGITS) + 1)
        for next_width in (width - 1, width, width + 1)
        if next_width
    )


def _count(first: int, second: int, length: int) -> str:
    """Returns the numbers from the first, through the second, on, until they have so many digits or more."""
    counted, number = "", first
    while len(counted) < length and number >= 0:
        counted, number = counted + str(number), number + second - first
    return counted


def _steps(text: str, order: str) -> set[int]:
    """Returns how far it is from each character to the next; each order goes on from its end to its start."""
    half = len(order) // 2
    return {
        (order.index(after) - order.index(before) + half) % len(order) - half
        for before, after in pairwise(text)
    }
