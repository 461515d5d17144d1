"""Talks told again with other words: what attacks and noise are made of.

A talk is written as JSON utterances or as WebVTT and read by Cara's readers, as if it had been sent so.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from cara.transcripts.talk import Talk, read_talk
from cara.transcripts.utterances import TimedWord, Utterance, speaker_key

LEARNER = "Learner"
_WORD = re.compile(r"\S+")
_WORDS_A_SECOND = 2.5
"""For cues of talks without times: 150 words a minute."""


@dataclass(frozen=True)
class Said:
    """An utterance; `speaker` is None throughout a talk without another speaker."""

    text: str
    speaker: str | None
    is_own: bool
    start: float | None
    end: float | None
    words: tuple[TimedWord, ...]

    def changed(self, change: Callable[[str], str]) -> Said:
        """Returns it with each of its words changed; words that become empty are dropped."""
        new = [change(word) for word in _WORD.findall(self.text)]
        replacements = iter(new)
        timed = zip(self.words, new, strict=True) if len(self.words) == len(new) else ()
        return replace(
            self,
            text=_WORD.sub(lambda _: next(replacements), self.text),
            words=tuple(word._replace(text=text) for word, text in timed if text),
        )


def told(talk: Talk) -> list[Said]:
    """Returns the utterances of a talk, whose speakers are called Learner, Other, Other 2 and so on."""
    names: dict[str | None, str] = {}
    for turn in talk.others:
        names.setdefault(speaker_key(turn.speaker), f"Other {len(names) + 1}" if names else "Other")
    return [
        _said(utterance, None if not names else LEARNER if own else names[speaker_key(turn.speaker)], own)
        for turn in talk.turns
        for own in [talk.is_learners(turn)]
        for utterance in turn.utterances
    ]


def _said(utterance: Utterance, speaker: str | None, is_own: bool) -> Said:
    return Said(utterance.text.text, speaker, is_own, utterance.start, utterance.end, utterance.words)


def retold(said: list[Said]) -> Talk:
    """Returns the talk that Cara reads from the utterances."""
    entries = [
        {
            "speaker": one.speaker,
            "text": one.text,
            "start": one.start,
            "end": one.end,
            "words": [word._asdict() for word in one.words],
        }
        for one in said
    ]
    lean = [{name: value for name, value in entry.items() if value not in (None, [])} for entry in entries]
    return _read(json.dumps(lean), said)


def captioned(said: list[Said], note: str | None) -> Talk:
    """Returns the talk that Cara reads from captions of it, with the note between all cues."""
    cues, clock = [], 0.0
    for one in said:
        start = clock if one.start is None else one.start
        clock = start + len(one.text.split()) / _WORDS_A_SECOND if one.end is None else one.end
        voice = f"<v {one.speaker}>" if one.speaker else ""
        text = html.escape(" ".join(one.text.split()), quote=False)
        cues.append(f"{_time(start)} --> {_time(clock)}\n{voice}{text}")
    between = f"\n\nNOTE {note}\n\n" if note else "\n\n"
    return _read("WEBVTT" + between + between.join(cues) + "\n", said)


def _read(text: str, said: list[Said]) -> Talk:
    return read_talk(text, learner_label=LEARNER if said[0].speaker else None)


def _time(seconds: float) -> str:
    minutes, milliseconds = divmod(round(1_000 * seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds / 1_000:06.3f}"
