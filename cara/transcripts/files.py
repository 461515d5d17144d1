"""Transcripts in files, as people at a terminal have them."""

from __future__ import annotations

from pathlib import Path

_BYTES_A_CHARACTER = 4


class UnusableFile(Exception):
    """The file has no text to work with; the message names it and says why."""


def read_text_file(path: Path, max_characters: int) -> str:
    """Returns the text of a file in UTF-8, of which no more is read than may be.

    Raises:
        UnusableFile: it is missing, unreadable, not UTF-8, blank, or too long.
    """
    limit = max_characters * _BYTES_A_CHARACTER
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UnusableFile(f"{str(path)!r} is no name of a file") from None
    if len(raw) > limit:
        raise UnusableFile(f"{path} is too large; at most {max_characters:,} characters are allowed")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFile(f"{path} is not text in UTF-8") from None
    if not text.strip():
        raise UnusableFile(f"{path} is empty")
    if len(text) > max_characters:
        raise UnusableFile(f"{path} has {len(text):,} characters; at most {max_characters:,} are allowed")
    return text
