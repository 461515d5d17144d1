"""Who speaks when in a conversation: response latency, interruptions, monologues, shares of the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from cara.speech.schemas import ResponseLatency
from cara.speech.words import tokenize
from cara.transcripts.talk import Talk, spoken_utterances

_ORDINARY_OVERLAP_MS = 300
_BACKCHANNEL_CHARACTERS = 20
_COARSE_AFTER, _COARSE_MS = 20, 1_000
"""So many times that are all whole seconds are rounded: chance alone doesn't make them."""

_JOINED_AFTER = 3
"""If so many turns begin where others end, or earlier, captions tell how long they are shown, not spoken."""

_CAPTIONS = frozenset({"webvtt", "srt"})


class Stretch(NamedTuple):
    """Milliseconds in which one side speaks, the learner or the others, and what it says at the end."""

    own: bool
    start: int
    end: int
    text: str


class Exchange(NamedTuple):
    """A stretch of the learner's that follows one of the others', and when the learner's before that ended.

    The latter is negative if there is none.
    """

    before: int
    other: Stretch
    reply: Stretch

    @property
    def latency(self) -> int | None:
        """The time to the reply; None if the floor doesn't pass from the others to the learner.

        It doesn't when the others fell silent before the learner did, or go on after the reply.
        """
        passes = self.before < self.other.end < self.reply.end
        return self.reply.start - self.other.end if passes else None

    @property
    def interrupts(self) -> bool:
        """Whether the learner starts while the others speak, who had not begun while the learner spoke."""
        cut_in = self.other.start < self.before - _ORDINARY_OVERLAP_MS
        begun = self.other.start < self.reply.start
        return begun and not cut_in and self.reply.start < self.other.end - _ORDINARY_OVERLAP_MS


def stretches(talk: Talk) -> list[Stretch] | None:
    """Returns who speaks when, in the order of time; None if anything that is said has no times.

    Backchannels, such as a lone `mhm`, take no turn and are left out.
    """
    if not talk.has_times([utterance for turn in talk.turns for utterance in spoken_utterances(turn)]):
        return None
    said = sorted(_said(talk), key=attrgetter("start"))
    return [_joined(group) for _, group in groupby(_without_backchannels(said), attrgetter("own"))]


def _said(talk: Talk) -> Iterator[Stretch]:
    for turn in talk.turns:
        own = talk.is_learners(turn)
        for utterance in spoken_utterances(turn):
            start, end = utterance.span or (0.0, 0.0)
            yield Stretch(own, round(1000 * start), round(1000 * end), utterance.text.text)


def _joined(group: Iterable[Stretch]) -> Stretch:
    parts = list(group)
    return Stretch(parts[0].own, parts[0].start, max(part.end for part in parts), parts[-1].text)


def _without_backchannels(said: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yields what is said, without one-word signs of listening.

    The others' are those between words of the learner that ask for no answer, the learner's those while the
    others speak.
    """
    others_until = 0
    last: Stretch | None = None
    for each in said:
        if each.own:
            is_backchannel = each.start < others_until - _ORDINARY_OVERLAP_MS
        else:
            is_backchannel = (
                last is not None and last.own and not last.text.rstrip().endswith(("?", "？", "؟"))
            )
        if is_backchannel and _is_one_word(each.text):
            continue
        if not each.own:
            others_until = max(others_until, each.end)
        last = each
        yield each


def _is_one_word(text: str) -> bool:
    """Returns whether a text is one word, perhaps several times (`yeah, yeah`), and no question."""
    if len(text) > _BACKCHANNEL_CHARACTERS or "?" in text:
        return False
    words = tokenize(text).lower
    return len(set(words)) == 1 or words in (["uh", "huh"], ["mm", "hmm"])


def exchanges(found: Iterable[Stretch]) -> list[Exchange]:
    """Returns the replies of the learner, each with what it replies to."""
    replies: list[Exchange] = []
    before = -1
    for earlier, later in pairwise(found):
        if later.own:
            replies.append(Exchange(before, earlier, later))
        else:
            before = max(before, earlier.end)
    return replies


def are_exact(talk: Talk, found: list[Stretch]) -> bool:
    """Returns whether the times tell fractions of a second: not when they are rounded, or those of captions
    that are shown until the next ones, or longer.
    """
    times = [time for stretch in found for time in (stretch.start, stretch.end)]
    if len(times) >= _COARSE_AFTER and not any(time % _COARSE_MS for time in times):
        return False
    gaps = [later.start - earlier.end for earlier, later in pairwise(found)]
    is_joined = len(gaps) >= _JOINED_AFTER and all(gap <= 0 for gap in gaps)
    return not (talk.transcript.format in _CAPTIONS and is_joined)


def response_latency(replies: Iterable[Exchange]) -> ResponseLatency | None:
    """Returns the seconds from the end of the others' turn to the learner's start: median and longest.

    Negative where the learner starts before the end. Only replies count: not what the learner says while
    the others speak and go on, nor what follows the learner's own words.
    Norm: around 0.2 s in conversations of ten languages; longer is time to think, not an error.
    Source: Stivers et al. 2009, PNAS 106; Levinson & Torreira 2015, Frontiers in Psychology 6.
    Limit: as exact as the times of the transcript, which recognizers round.
    """
    found = [reply.latency for reply in replies]
    latencies = [latency for latency in found if latency is not None]
    if not latencies:
        return None
    return ResponseLatency(median=round(median(latencies) / 1000, 3), longest=max(latencies) / 1000)


def count_interruptions(replies: Iterable[Exchange]) -> int:
    """Returns how often the learner starts more than 0.3 seconds before the end of the others' turn.

    One-word signs of listening are none, nor is going on when the others have cut in.
    Norm: overlaps of up to 0.3 s are ordinary where turns change. Source: Heldner & Edlund 2010, Journal of
    Phonetics 38.
    Limit: a friendly overlap counts like a hostile one.
    """
    return sum(reply.interrupts for reply in replies)


def longest_monologue_seconds(found: Iterable[Stretch]) -> float | None:
    """Returns the longest time in which the learner speaks without another's turn, with the pauses in it.

    Norm: none. Limit: silences between utterances count, however long they are.
    """
    longest = max((stretch.end - stretch.start for stretch in found if stretch.own), default=None)
    return None if longest is None else longest / 1000


def talk_share_by_time(talk: Talk) -> float | None:
    """Returns the learner's speaking time ÷ that of everybody, from 0 to 1, to three decimals.

    None in a monologue, and without times of both sides.
    Norm: about half in a conversation of equals, as by words.
    """
    own, others = talk.own_seconds, talk.others_seconds
    return None if own is None or others is None else round(own / (own + others), 3)
