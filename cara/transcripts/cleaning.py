"""Takes markup and unwanted characters out of what was read: the transcript itself is kept as it was sent."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import TimedWord, Transcript, Utterance
from cara.web.sanitize import UNWANTED_CHARACTERS, Edit, cleaning_edits, edited, without_markup
from cara.web.tags import MarkupBudget

MAX_LABEL_CHARACTERS: Final = 100
_SUSPECT: Final = re.compile(f"[<&{UNWANTED_CHARACTERS}]")
_REFERENCE: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_UNWANTED: Final = re.compile(f"[{UNWANTED_CHARACTERS}]")
_DECODED: Final = frozenset({"webvtt", "srt"})
"""Formats with character references of their own, which their readers decode."""


class _Steps(NamedTuple):
    """What cleaning may cost, and whether character references are left to be decoded."""

    budget: MarkupBudget
    decodes: bool


def cleaned(transcript: Transcript, budget: MarkupBudget | None = None) -> Transcript:
    """Returns the transcript without markup and references in texts, labels and words; labels are cut.

    What `without_markup` leaves is decoded once: `AT&amp;T` was said as `AT&T`, and `&amp;lt;` is `&lt;`.

    Offsets still lead to where each character stands in the transcript as it was sent. Text without `<`, `&`
    and unwanted characters costs nothing of the budget.

    Raises:
        TooMuchMarkup: the budget is spent.
    """
    steps = _Steps(budget or MarkupBudget(sys.maxsize), transcript.format not in _DECODED)
    labels = _cleaned_labels(transcript.utterances, steps)
    if not _has_suspects(transcript.utterances) and all(label == kept for label, kept in labels.items()):
        return transcript
    utterances = tuple(_cleaned_utterance(each, labels, steps) for each in transcript.utterances)
    return replace(transcript, utterances=utterances)


def _has_suspects(utterances: Iterable[Utterance]) -> bool:
    """Returns whether anything is to be done in a text or word: one search in all of them is the quickest."""
    texts = "\n".join(utterance.text.text for utterance in utterances)
    words = "\n".join(word.text for utterance in utterances for word in utterance.words)
    return bool(_SUSPECT.search(texts) or _SUSPECT.search(words))


def _cleaned_labels(utterances: Iterable[Utterance], steps: _Steps) -> dict[str | None, str | None]:
    """Returns each label with what is left of it; None where that is nothing."""
    labels = {utterance.speaker for utterance in utterances}
    return {label: _cleaned_label(label, steps) if label else None for label in labels}


def _cleaned_label(label: str, steps: _Steps) -> str | None:
    plain = _cleaned_string(label, steps)
    return plain.strip()[:MAX_LABEL_CHARACTERS].rstrip() or None


def _cleaned_utterance(
    utterance: Utterance, labels: dict[str | None, str | None], steps: _Steps
) -> Utterance:
    text = _cleaned_text(utterance.text, steps)
    speaker = labels[utterance.speaker]
    words = _cleaned_words(utterance.words, steps)
    if text is utterance.text and speaker == utterance.speaker and words is utterance.words:
        return utterance
    return Utterance(text, speaker, utterance.start, utterance.end, words)


def _cleaned_text(text: MappedText, steps: _Steps) -> MappedText:
    if not _SUSPECT.search(text.text):
        return text
    kept = text
    for edits in cleaning_edits(text.text, steps.budget):
        kept = kept.edited(edits)
    if steps.decodes and "&" in kept.text:
        kept = kept.edited(_decoding_edits(kept.text))
    return text if kept is text else kept.stripped()


def _cleaned_words(words: tuple[TimedWord, ...], steps: _Steps) -> tuple[TimedWord, ...]:
    if not any(_SUSPECT.search(word.text) for word in words):
        return words
    plain = (word._replace(text=_cleaned_string(word.text, steps)) for word in words)
    return tuple(word for word in plain if word.text.strip())


def _cleaned_string(text: str, steps: _Steps) -> str:
    if not _SUSPECT.search(text):
        return text
    plain = without_markup(text, steps.budget)
    return edited(plain, _decoding_edits(plain)) if steps.decodes and "&" in plain else plain


def _decoding_edits(text: str) -> list[Edit]:
    """Returns the edits that put characters in the place of references which name one."""
    found = ((match, _decoded(match[0])) for match in _REFERENCE.finditer(text))
    return [(*match.span(), decoded) for match, decoded in found if decoded != match[0]]


@lru_cache(maxsize=512)
def _decoded(reference: str) -> str:
    return _UNWANTED.sub("", html.unescape(reference))
