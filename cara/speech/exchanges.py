"""Who speaks when in a conversation: response latency, interruptions, monologues, shares of the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import attrgetter
from statistics import median
from typing import NamedTuple

from cara.speech.backchannels import asks, is_backchannel, only_hesitates
from cara.speech.schemas import ResponseLatency
from cara.transcripts.talk import Talk, spoken_utterances

_ORDINARY_OVERLAP_MS = 300
_LEFT_FLOOR_MS = 1_000
"""Who is silent for longer while the other side speaks has left it the floor."""

_COARSE_MS = 1_000
_MOST = 0.8
"""If more of the times have one fraction of a second, they are rounded: chance alone doesn't do that."""

_JOINED_AFTER = 3
"""If most of so many turns begin before others end, captions tell how long they are shown, not spoken."""

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

        It doesn't when the others fell silent before the learner did, begin with the reply, or go on after
        it, nor when the learner only goes on.
        """
        passes = self._begun and self.before < self.other.end < self.reply.end
        return self.reply.start - self.other.end if passes and not self._goes_on else None

    @property
    def interrupts(self) -> bool:
        """Whether the learner starts while the others speak, and does not go on."""
        early = self.reply.start < self.other.end - _ORDINARY_OVERLAP_MS
        return self._begun and early and not self._goes_on

    @property
    def _begun(self) -> bool:
        return self.other.start < self.reply.start

    @property
    def _goes_on(self) -> bool:
        """Whether the others cut in, and the learner doesn't leave them the floor."""
        cut_in = self.other.start < self.before - _ORDINARY_OVERLAP_MS
        return cut_in and self.reply.start - self.before <= _LEFT_FLOOR_MS


def stretches(talk: Talk, language: str) -> list[Stretch] | None:
    """Returns who speaks when, in the order of time; None if anything that is said has no times.

    Backchannels, such as a lone `mhm`, take no turn and are left out, and so is what only hesitates.
    """
    if not talk.has_times([utterance for turn in talk.turns for utterance in spoken_utterances(turn)]):
        return None
    said = sorted(_said(talk, language), key=attrgetter("start"))
    return list(_joined(_without_backchannels(said)))


def _said(talk: Talk, language: str) -> Iterator[Stretch]:
    for turn in talk.turns:
        own = talk.is_learners(turn)
        for utterance in spoken_utterances(turn):
            if not only_hesitates(utterance.text.text, language):
                start, end = utterance.span or (0.0, 0.0)
                yield Stretch(own, round(1000 * start), round(1000 * end), utterance.text.text)


def _joined(said: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yields what a side says until the other one begins, or speaks alone for a while."""
    until = {True: 0, False: 0}
    last: Stretch | None = None
    for each in said:
        if (
            last
            and last.own == each.own
            and min(until[not each.own], each.start) - last.end <= _LEFT_FLOOR_MS
        ):
            last = Stretch(each.own, last.start, max(last.end, each.end), each.text)
        else:
            yield from [last] if last else []
            last = each
        until[each.own] = max(until[each.own], each.end)
    yield from [last] if last else []


def _without_backchannels(said: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yields what is said, without signs of listening.

    The others' are those between words of the learner that ask for no answer, the learner's those while the
    others speak.
    """
    others_until = 0
    last: Stretch | None = None
    for each in said:
        if each.own:
            listens = each.start < others_until - _ORDINARY_OVERLAP_MS
        else:
            listens = last is not None and last.own and not asks(last.text)
        if listens and is_backchannel(each.text):
            continue
        if not each.own:
            others_until = max(others_until, each.end)
        last = each
        yield each


def exchanges(found: Iterable[Stretch]) -> list[Exchange]:
    """Returns the replies of the learner, each with what it replies to."""
    replies: list[Exchange] = []
    before = others_until = -1
    other: Stretch | None = None
    for each in found:
        if not each.own:
            others_until = max(others_until, each.end)
            other = each._replace(end=others_until)
        else:
            replies += [Exchange(before, other, each)] if other else []
            before = max(before, each.end)
    return replies


def are_exact(talk: Talk, found: list[Stretch]) -> bool:
    """Returns whether the times tell fractions of a second: not when most are rounded to seconds, or those of
    captions that are shown until the next ones, or longer, nor where several speakers share a time.
    """
    if talk.transcript.shares_times:
        return False
    fractions = Counter(time % _COARSE_MS for stretch in found for time in (stretch.start, stretch.end))
    if fractions and max(fractions.values()) > _MOST * fractions.total():
        return False
    gaps = [later.start - earlier.end for earlier, later in pairwise(found) if earlier.own != later.own]
    chained = sum(gap == 0 or (gap < 0 and len(gaps) >= _JOINED_AFTER) for gap in gaps)
    return talk.transcript.format not in _CAPTIONS or chained <= _MOST * len(gaps)


def response_latency(replies: Iterable[Exchange]) -> ResponseLatency | None:
    """Returns the seconds from the end of the others' turn to the learner's start: median and longest.

    Negative where the learner starts before the end. Only replies count: not what the learner says while
    the others speak and go on, nor what follows the learner's own words, nor a lone hesitation.
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

    Signs of listening are none, nor is going on within a second when the others have cut in.
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
