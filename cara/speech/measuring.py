"""Puts the measures together: one cleaning, one tokenisation, then each measure in turn."""

from __future__ import annotations

from collections import Counter

from cara.speech import applicability as limiting
from cara.speech import pace, sentences, vocabulary
from cara.speech.cleaning import uniform, without_stage_marks
from cara.speech.fillers import FillerWords, fillers, find_fillers
from cara.speech.hedges import assertives, hedges
from cara.speech.language import language_of
from cara.speech.offsets import in_nfc
from cara.speech.readability import reading_ease
from cara.speech.repairs import repairs
from cara.speech.schemas import PaceNorm, SpeechMeasures
from cara.speech.turns import Turns, turns
from cara.speech.words import Words, word_count, words_in


def measure(
    transcript: str, *, duration_seconds: int | None, feature_type: str, learner_label: str | None = None
) -> SpeechMeasures:
    """Measures the learner's own turns. Pure, and linear in the length of the transcript.

    `duration_seconds` is the whole session's; none, or under 5 seconds (0 too), is taken as not known.
    `learner_label` names the learner's label where it isn't You, Me, User, Learner or I. Languages other than
    English get the measures that need no word list; the rest is null and named in `not_applicable`.
    ValueError for a negative duration or an unknown feature type. What a transcript can't tell (pauses,
    pitch, loudness) is not measured.
    """
    if duration_seconds is not None and duration_seconds < 0:
        raise ValueError("the duration is negative")
    norm = pace.pace_norm(feature_type)
    parts = turns(uniform(in_nfc(transcript)).text, learner_label)
    own, stage_marks = without_stage_marks(parts.own)
    words = words_in(own)
    about = limiting.Circumstances(
        language=language_of(words),
        words=len(words),
        seconds=duration_seconds,
        spoken=norm is not None,
        unpunctuated=sentences.is_unpunctuated(own, len(words)),
    )
    found = limiting.limits(about)
    members = {
        **_speed(about, parts, norm),
        **_wording(words, about),
        "language": about.language,
        "words": len(words),
        "sentences": len(words.sentences),
        "turns": parts.own_turns,
        "duration_seconds": duration_seconds,
        "pace_norm": norm if about.english else None,
        "stage_marks": stage_marks,
        "not_applicable": limiting.not_applicable(found),
        "notes": [*parts.notes, *(limit.note for limit in found)],
    }
    return SpeechMeasures.model_validate(members)


def talk_share(own_words: int, others_words: int) -> float | None:
    """The learner's words ÷ all words of labelled turns, to three decimals; nothing without words.

    Norm: about half in a conversation of equals; an interviewee speaks more, an interviewer less. Words stand
    in for time, which a transcript doesn't tell.
    """
    in_all = own_words + others_words
    return round(own_words / in_all, 3) if in_all else None


def _speed(about: limiting.Circumstances, parts: Turns, norm: PaceNorm | None) -> dict[str, object]:
    others_words = word_count(without_stage_marks(parts.others)[0])
    if about.spaced and about.spoken:
        own = pace.words_per_minute(about.words, about.seconds)
        speaking = pace.speaking_words_per_minute(about.words, about.seconds, others_words, norm)
    else:
        own = speaking = None
    return {
        "words_per_minute": own,
        "speaking_words_per_minute": speaking,
        "words_per_minute_implausible": pace.is_implausible(own),
        "talk_share": talk_share(about.words, others_words) if parts.labelled and about.spaced else None,
    }


def _wording(words: Words, about: limiting.Circumstances) -> dict[str, object]:
    found = find_fillers(words) if about.english else FillerWords(Counter(), words)
    fluent = found.fluent
    opening, closing = sentences.opening_and_closing(words)
    return {
        **_english(found, about),
        **_spaced(fluent, about),
        "questions": sentences.questions(words, fluent, english=about.english),
        "opening_words": opening,
        "closing_words": closing,
    }


def _english(found: FillerWords, about: limiting.Circumstances) -> dict[str, object]:
    if not about.english:
        return dict.fromkeys(("fillers", "hedges", "assertives", "reading_ease"))
    fluent = found.fluent
    minutes_known = about.seconds is not None and about.seconds >= pace.SHORTEST_SECONDS and about.spoken
    in_sentences = 0 if about.unpunctuated else len(fluent.sentences)
    return {
        "fillers": fillers(found, about.words, about.seconds if minutes_known else None),
        "hedges": hedges(fluent, about.words),
        "assertives": assertives(fluent, about.words),
        "reading_ease": reading_ease(fluent, in_sentences),
    }


def _spaced(fluent: Words, about: limiting.Circumstances) -> dict[str, object]:
    lengths = sentences.sentence_lengths(fluent)
    known = about.spaced and not about.unpunctuated
    again = repairs(fluent)
    return {
        "repetitions": again.repetitions if about.spaced else None,
        "false_starts": again.false_starts if about.spaced else None,
        "repairs_per_hundred_words": again.per_hundred_words if about.spaced else None,
        "mean_sentence_words": lengths.mean if known else None,
        "longest_sentence_words": lengths.longest if known else None,
        "vocabulary": vocabulary.vocabulary(fluent) if about.spaced else None,
    }
