"""Recognizers that tell whose the words are apart from the text: IBM Watson and Soniox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from cara.transcripts.json_times import seconds
from cara.transcripts.json_utterances import (
    SPACELESS,
    Json,
    Word,
    read_as,
    utterances_of_phrases,
    utterances_of_words,
    words_of,
)
from cara.transcripts.located_json import Members, objects, text_of
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.utterances import Transcript

_OF_SONIOX: Final = {"startms", "isfinal", "translationstatus"}
_SIGNALS: Final = {"<end>", "<fin>"}
"""Texts of tokens that say where speech ends."""


def watson(root: Json) -> Transcript | None:
    """Reads the words of IBM Watson, whose speakers stand in a table beside them, by times."""
    results = objects(root.get("results")) if isinstance(root, dict) else []
    bests = [best for result in results for best in objects(result.get("alternatives"))[:1]]
    if not isinstance(root, dict) or not any(isinstance(best.get("timestamps"), list) for best in bests):
        return None
    speakers = {seconds(row.get("from")): row.get("speaker") for row in objects(root.get("speakerlabels"))}
    phrases = [{**best, "words": list(_words_of_watson(best, speakers))} for best in bests]
    return read_as("utterances", utterances_of_phrases(phrases))


def _words_of_watson(best: Members, speakers: dict[float | None, Any]) -> Iterator[Members]:
    speaker = None
    for entry in best.get("timestamps") or ():
        if isinstance(entry, list) and len(entry) == 3:
            speaker = speakers.get(seconds(entry[1]), speaker)
            yield {"word": entry[0], "start": entry[1], "end": entry[2], "speaker": speaker}


def soniox(root: Json) -> Transcript | None:
    """Reads the tokens of Soniox, which are pieces of words; translations are left out."""
    answers = [root] if isinstance(root, dict) else objects(root)
    tokens = [token for answer in answers if "tokens" in answer for token in objects(answer["tokens"])]
    if not any(_OF_SONIOX & token.keys() for token in tokens[:1]):
        return None
    words = _whole(words_of([token for token in tokens if _is_said(token)]))
    return read_as("utterances", utterances_of_words(words))


def _is_said(token: Members) -> bool:
    if token.get("isfinal") is False or text_of(token.get("translationstatus")) == "translation":
        return False
    return text_of(token.get("text")) not in _SIGNALS


def _whole(pieces: Iterable[Word]) -> Iterator[Word]:
    """Yields the words whose pieces are in a row; white space begins the next word."""
    run: list[Word] = []
    for piece in pieces:
        if run and not _goes_on(run[-1], piece):
            yield _one(run)
            run = []
        run.append(piece)
    if run:
        yield _one(run)


def _goes_on(before: Word, piece: Word) -> bool:
    end, start = before.text.text[-1], piece.text.text[0]
    if before.is_mark or piece.is_mark or before.speaker != piece.speaker or end.isspace() or start.isspace():
        return False
    return not (SPACELESS.match(end) or SPACELESS.match(start))


def _one(run: list[Word]) -> Word:
    return run[0]._replace(text=MappedText.joined(piece.text for piece in run), end=run[-1].end)
