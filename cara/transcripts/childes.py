"""CHAT, the format of TalkBank and CHILDES (.cha)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cara.transcripts.chat_notation import GONE, read_notation
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import TimedWord, Transcript, Utterance

_CODE = r"\*[^\s:*]{1,20}:"
_HEADER = re.compile(
    r"\s*+@(?:(?:UTF8|Begin)[ \t]*+(?:\n|\Z)|(?:Font|PID|Window|Color words|Languages|Participants|Options):)"
)
_BODY = re.compile(rf"^(?:@Begin[ \t]*+$|{_CODE})", re.MULTILINE)
_EXCERPT = re.compile(r"\s*+(?:(?:\*[A-Z][A-Z0-9]{1,6}:|%[a-z]{3}:|@|\t)[^\n]*+(?:\n++|\Z))++\s*+\Z")
_MAIN_TIER = re.compile(r"^\*[A-Z][A-Z0-9]{1,6}:(\t?)", re.MULTILINE)

_CONTINUATION = re.compile(rf"\n(?!@|{_CODE}|%[a-z]\w{{0,11}}:)")
_NOT_SPOKEN = re.compile(rf"^(?:{_CODE}[ \t]*+|[^\n]++)", re.MULTILINE)
_TIMES = re.compile(r"(?<![^\s\x15•_.?!])(\d{1,9})_(\d{1,9})-?(?=[\s\x15•]|\Z)")
_MAX_DEPENDENT_TIERS = 20  # those after them are not searched for the times of words
_TIMED_WORD = re.compile(r"([^\s\x15•]{1,100}) {0,3}[\x15•](\d{1,9})_(\d{1,9})[\x15•]")


def read_cha(text: str) -> Transcript | None:
    """Returns what was said in a CHAT file, or in an excerpt of one; None if the text is none.

    Speakers are the codes of the participants (PAR, INV, CHI). Headers and dependent tiers say nothing, but
    for the times of words (%wor).
    """
    text = text.replace("\r\n", " \n").replace("\r", "\n")  # as long as before: offsets stay
    if text.startswith("\ufeff"):
        text = "\n" + text[1:]
    if not _is_chat(text):
        return None
    text = _CONTINUATION.sub(" ", text)
    spoken = read_notation(_NOT_SPOKEN.sub(lambda match: GONE * len(match[0]), text))
    return Transcript("cha", tuple(_utterances(text.split("\n"), spoken)))


def _is_chat(text: str) -> bool:
    if _HEADER.match(text):
        return _BODY.search(text) is not None
    if not _EXCERPT.match(text):
        return False
    tabs = _MAIN_TIER.findall(text)
    return len(tabs) > 1 or tabs == ["\t"]


def _utterances(tiers: list[str], spoken: MappedText) -> Iterator[Utterance]:
    """Yields the utterances of the tiers; what was spoken in each is the line with the same number."""
    position = 0
    timed = any(tier.startswith("%wor:") for tier in tiers)
    for number, line in enumerate(spoken.text.split("\n")):
        if line.strip(" .,?!;:…—"):
            end = position + len(line.rstrip(" "))
            start = position + len(line) - len(line.lstrip(" "))
            tier = tiers[number]
            speaker = tier[1 : tier.index(":")]
            words = _timed_words(tiers, number + 1) if timed else ()
            yield Utterance(spoken.slice(start, end), speaker, *_times(tier, words), words)
        position += len(line) + 1


def _times(tier: str, words: tuple[TimedWord, ...]) -> tuple[float | None, float | None]:
    times = (
        [(int(start) / 1000, int(end) / 1000) for start, end in _TIMES.findall(tier)] if "_" in tier else []
    )
    if times := [(start, end) for start, end in times if start <= end]:
        return min(times)[0], max(end for _, end in times)
    return (words[0].start, words[-1].end) if words else (None, None)


def _timed_words(tiers: list[str], number: int) -> tuple[TimedWord, ...]:
    """Returns the words of the %wor tier among the dependent tiers that begin there."""
    for tier in tiers[number : number + _MAX_DEPENDENT_TIERS]:
        if not tier.startswith("%"):
            break
        if tier.startswith("%wor:"):
            return tuple(
                TimedWord(word, int(start) / 1000, int(end) / 1000)
                for word, start, end in _TIMED_WORD.findall(tier)
                if int(start) <= int(end)
            )
    return ()
