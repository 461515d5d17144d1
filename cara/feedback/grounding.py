"""Grounding: a highlight counts only when its quote really stands in the transcript."""

from __future__ import annotations

from dataclasses import dataclass

_QUOTATION_MARKS = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
)


@dataclass(frozen=True)
class Passage:
    """Where a quote stands: the text itself, at [start, end) in characters of the transcript."""

    text: str
    start: int
    end: int


class Transcript:
    """A transcript in which quotes are looked up; folding it once serves them all."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._folded, self._places = _fold(text)

    def find(self, quote: str) -> Passage | None:
        """The first place where the quote stands.

        First to the letter; then with white space, case and quotation marks folded, ignoring marks and
        dots that a model puts around what it quotes. None when it does not stand there.
        """
        exact = quote.strip()
        if exact and (start := self.text.find(exact)) >= 0:
            return self._passage(start, start + len(exact))
        folded = _fold(exact)[0].strip(" \"'…").removesuffix("...").strip()
        if not folded or (at := self._folded.find(folded)) < 0:
            return None
        return self._passage(self._places[at], self._places[at + len(folded) - 1] + 1)

    def _passage(self, start: int, end: int) -> Passage:
        return Passage(self.text[start:end], start, end)


def _fold(text: str) -> tuple[str, list[int]]:
    """Folded text, and for each of its characters the place in the original that it comes from."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text.translate(_QUOTATION_MARKS)):
        if character.isspace():
            if folded and folded[-1] == " ":
                continue
            character = " "
        for piece in character.casefold():
            folded.append(piece)
            places.append(place)
    return "".join(folded), places
