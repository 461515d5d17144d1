"""Whether a text is a dialogue, and which of the lines that look like labels are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from cara.transcripts.evidence import Evidence
from cara.transcripts.guests import guests, remarks
from cara.transcripts.headers import follows_header
from cara.transcripts.label_names import is_known, is_stage_mark, may_be_name
from cara.transcripts.label_shapes import Label, Proof, Shape
from cara.transcripts.utterances import speaker_key

_SENTENCE = re.compile(r"[.!?。！？…]['\"”’)]?[ \t]*+(?:$|</?\w)|\S[ \t]++\S+[ \t]++\S", re.MULTILINE)
_FEW = 200
_WHOLE_SENTENCES = re.compile(r"\W*+[^\W\d_a-z].*[.!?。！？…]['\"”’)]?\s*", re.DOTALL)


def dialogue_labels(text: str, shape: Shape, found: Sequence[Label]) -> list[Label]:
    """Returns the labels of a dialogue among lines of a shape; none if the text is no such dialogue.

    A label is a fact about the whole text: its name is known (You, Coach, Speaker 1, …), it recurs, or a time
    stands at it; labels begin the text or follow a short header, and words follow them.
    """
    if shape.proof == "change":
        return list(found) if len(found) > 1 else []
    looks = _evidence(text, shape, found)
    speakers = _SPEAKERS[shape.proof](looks)
    if not speakers:
        return []
    said = looks.only(speakers)
    if not any(reason(said) for reason in _REASONS[shape.proof]):
        return []
    return list(said.labels) if _say_something(said) and follows_header(said) else []


def _evidence(text: str, shape: Shape, found: Sequence[Label]) -> Evidence:
    """Returns the evidence of what may be labels; names are looked at once, however often they recur."""
    keys = {name: _speaker_key(name, shape) for name in {label.name for label in found}}
    labels = [label for label in found if label.name is None or keys[label.name]]
    return Evidence(text, shape, labels, [keys[label.name] for label in labels])


def _speaker_key(name: str | None, shape: Shape) -> str | None:
    """Returns the key of a name; None if nobody is called so in lines of the shape."""
    key = speaker_key(name)
    if not key or not name:
        return None
    if shape.proof in ("message", "court") or (shape.proof != "capitals" and is_known(key)):
        return key
    if shape.proof == "capitals" and not name.isupper():
        return None
    return None if is_stage_mark(name) or not may_be_name(name) else key


# --- whose the names are that may be labels ---


def _all(looks: Evidence) -> set[str]:
    return set(looks.counts)


def _at_times(looks: Evidence) -> set[str]:
    return looks.known | looks.recurring | (looks.timed & looks.capitalized)


def _by_what_they_are(looks: Evidence) -> set[str]:
    """Returns known names and those that recur, and the names beside them that prove themselves by form."""
    no_names = remarks(looks)
    speakers = (looks.known | looks.recurring) - no_names
    if looks.follows_recording:
        speakers |= looks.timed & looks.capitalized
    single = (looks.capitalized & looks.counts.keys()) - speakers - no_names
    if not speakers and len(looks.labels) == len(single) == 2:
        return single
    speakers |= guests(looks, speakers)
    if speakers <= looks.full:
        return speakers | (single & looks.full)
    if len(speakers) == 1 and len(single) == 1 and _answers(looks, speakers, *single):
        return speakers | single
    return speakers


def _answers(looks: Evidence, speakers: set[str], single: str) -> bool:
    """Returns whether the name that occurs once is of who answers, not the beginning of a line."""
    if speakers & looks.known:
        return True
    both = looks.only(speakers | {single})
    return both.heads_nearly_all and 0 < both.keys.index(single) < len(both.keys) - 1


def _known_or_recurring(looks: Evidence) -> set[str]:
    speakers = looks.known | looks.recurring
    return speakers | guests(looks, speakers)


_SPEAKERS: dict[Proof, Callable[[Evidence], set[str]]] = {
    "message": _all,
    "time": _at_times,
    "court": _all,
    "colon": _by_what_they_are,
    "capitals": _known_or_recurring,
    "heading": _known_or_recurring,
    "layout": _known_or_recurring,
}


# --- why a text with such labels is a dialogue ---


def _is_no_lone_line(said: Evidence) -> bool:
    return len(said.labels) > 1 or not said.header


def _knows_somebody(said: Evidence) -> bool:
    return bool(said.known) and _is_no_lone_line(said)


def _knows_one_of_several(said: Evidence) -> bool:
    return bool(said.known) and len(said.counts) > 1


def _names_recur(said: Evidence) -> bool:
    """At least two names take turns, and one of them recurs."""
    return len(said.counts) > 1 and len(said.labels) > (3 if said.header else 2) and _in_sentences(said)


def _several_recur(said: Evidence) -> bool:
    return len(said.recurring) > 1


def _recur_at_times(said: Evidence) -> bool:
    return (
        bool(said.timed)
        and bool(said.recurring)
        and (len(said.counts) > 1 or said.counts.keys() <= said.full)
    )


def _follows_a_recording(said: Evidence) -> bool:
    if not said.follows_recording:
        return False
    return len(said.labels) > 1 or (not said.header and said.counts.keys() <= said.full)


def _are_two_full_names(said: Evidence) -> bool:
    """Two people who say one thing each, and nothing else is written."""
    return len(said.labels) == 2 and len(said.full) == 2 and said.heads_nearly_all and _in_sentences(said)


def _are_two_turns(said: Evidence) -> bool:
    """Two people who say one thing each, in sentences from their first letter to their last sign."""
    return (
        len(said.labels) == len(said.counts) == 2
        and not said.header
        and said.heads_nearly_all
        and all(_WHOLE_SENTENCES.fullmatch(said.text, *place) for place in _said(said.text, said.labels))
    )


def _is_the_only_speaker(said: Evidence) -> bool:
    return (
        len(said.counts) == 1 < len(said.labels)
        and not said.header
        and not said.timed
        and said.counts.keys() <= said.capitalized
        and (said.heads_nearly_all or (said.counts.keys() <= said.full and said.heads_half))
    )


def _examines(said: Evidence) -> bool:
    return len(said.counts) > 1 and (len(said.labels) > 2 or not said.header)


def _take_turns(said: Evidence) -> bool:
    """The names of a layout that says little: they recur or are known, and alternate everywhere."""
    return (
        len(said.recurring | said.known) > 1
        and said.alternates
        and said.heads_nearly_all
        and _in_sentences(said)
    )


_REASONS: dict[Proof, tuple[Callable[[Evidence], bool], ...]] = {
    "message": (_is_no_lone_line,),
    "time": (_knows_somebody, _follows_a_recording, _recur_at_times, _are_two_full_names),
    "court": (_examines,),
    "colon": (
        _knows_somebody,
        _follows_a_recording,
        _recur_at_times,
        _names_recur,
        _are_two_full_names,
        _are_two_turns,
        _is_the_only_speaker,
    ),
    "capitals": (_knows_one_of_several, _several_recur),
    "heading": (_knows_one_of_several, _several_recur),
    "layout": (_take_turns,),
}


# --- what all of them need ---


def _in_sentences(said: Evidence) -> bool:
    """Returns whether sentences follow the first labels, not values as in a list of data."""
    return any(_SENTENCE.search(said.text, start, end) for start, end in _said(said.text, said.labels[:_FEW]))


def _say_something(said: Evidence) -> bool:
    """Returns whether words follow half of the labels; more than half of those at times, unlike chapters."""
    words = sum(1 for start, end in _said(said.text, said.labels) if not said.text[start:end].isspace())
    return 2 * words >= len(said.labels) + said.shape.timed


def _said(text: str, labels: Sequence[Label]) -> list[tuple[int, int]]:
    ends = [label.start for label in labels[1:]] + [len(text)]
    return [(label.end, end) for label, end in zip(labels, ends, strict=True) if label.end < end]
