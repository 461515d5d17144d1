"""Measures the learner's part of a transcript: `measure` is the entry of the room, the steps are called here.

Pace is defined here too. Nothing in this package does I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

from cara.speech import sentences
from cara.speech.applicability import Applicability, Restriction, speaking_seconds
from cara.speech.assertives import count_assertives
from cara.speech.fluency import Fluency, measure_fluency, spoken_text, spoken_words
from cara.speech.hedges import count_hedges
from cara.speech.hesitations import hesitations_among
from cara.speech.inclusive import inclusive_notes
from cara.speech.languages import detect_language, other_languages
from cara.speech.overused import overused_words
from cara.speech.own_time import fluent_parts, own_seconds
from cara.speech.questions import find_questions
from cara.speech.schemas import PaceNorm, SpeechMeasures
from cara.speech.timing import Duration, known_duration, measure_timing
from cara.speech.vocabulary import measure_vocabulary
from cara.speech.words import Words, tokenize
from cara.transcripts.talk import Talk, read_talk

MIN_PLAUSIBLE_WORDS_PER_MINUTE = 20
MAX_PLAUSIBLE_WORDS_PER_MINUTE = 400

_CONVERSATION = PaceNorm(low=120, high=160)
_PRESENTATION = PaceNorm(low=100, high=150)
# The norm of each feature type. Writing has none, since nothing is spoken.
PACE_NORMS: dict[str, PaceNorm | None] = {
    "conversation": _CONVERSATION,
    "listening": _CONVERSATION,  # the learner answers what was heard, as in a conversation
    "accent": _PRESENTATION,  # the learner speaks carefully and articulates each sound
    "video": _PRESENTATION,
    "writing": None,
}


def measure(
    transcript: str, *, duration_seconds: float | None, feature_type: str, learner_label: str | None = None
) -> SpeechMeasures:
    """Reads a transcript of any known format and measures the learner's turns: see `measure_talk`.

    Raises:
        ValueError: the duration is negative, or the feature type is unknown.
        UnreadableTranscript: the transcript is JSON of a kind that is not known.
        LearnerUnknown: nothing says which of the speakers is the learner.
    """
    talk = read_talk(transcript, learner_label=learner_label)
    return measure_talk(talk, duration_seconds=duration_seconds, feature_type=feature_type)


def measure_talk(talk: Talk, *, duration_seconds: float | None, feature_type: str) -> SpeechMeasures:
    """Measures the learner's own turns, in time linear in the length of the transcript.

    `duration_seconds` is that of the whole session; None, or less than 5 seconds, counts as unknown, and the
    times of the transcript tell it if they can. Languages other than English get their fillers where these
    are known, and the measures without word lists; those left out are None and named in `not_applicable`.
    What a transcript can't show (pitch, loudness, and without times pauses) isn't measured.

    Raises:
        ValueError: the duration is negative, or the feature type is unknown.
    """
    if duration_seconds is not None and duration_seconds < 0:
        raise ValueError("the duration is negative")
    norm = pace_norm(feature_type)
    own_text, stage_marks = spoken_text(talk.own)
    words = tokenize(own_text)
    language = detect_language(words)
    duration = known_duration(talk, duration_seconds)
    fluency = measure_fluency(words, language)
    parts = fluent_parts(talk, fluency.fluent)
    own_time = own_seconds(talk, parts)
    seconds = speaking_seconds(own_time or duration.seconds) if norm else None
    timing = measure_timing(talk, words, parts, spoken=norm is not None, language=language)
    pace = _pace(talk, words, fluency, seconds, None if own_time else norm)
    applicability = Applicability(
        language=language,
        other_languages=other_languages(words, language),
        words=len(words),
        fluent_words=len(fluency.fluent),
        hesitates=bool(hesitations_among(set(words.lower), language)),
        spoken=norm is not None,
        speaking_seconds=seconds,
        implausible_pace=is_implausible(pace["words_per_minute"]),
        unpunctuated=sentences.is_unpunctuated(words, len(fluency.fluent)),
    )
    members = {
        **pace,
        **_extent(talk, words, fluency, duration),
        **_wording(words, fluency, applicability),
        "language": language,
        "fillers": fluency.filler_measures(seconds),
        "timing": timing.timing,
        "words_per_minute_implausible": applicability.implausible_pace,
        "pace_norm": norm if applicability.english else None,
        "stage_marks": stage_marks,
        **_restrictions(talk, [*applicability.restrictions(), *timing.restrictions]),
    }
    return SpeechMeasures.model_validate(members)


def pace_norm(feature_type: str) -> PaceNorm | None:
    """Returns the usual words a minute of the feature type; None for writing.

    Norm: conversation 120 to 160, presentation 100 to 150; comfortable comprehension ends near 180 to 200.
    Source: Tauroza & Allison 1990, Applied Linguistics 11; Yuan, Liberman & Cieri 2006, Interspeech.

    Raises:
        ValueError: the feature type is unknown.
    """
    if feature_type not in PACE_NORMS:
        raise ValueError(f"unknown feature type: {feature_type}")
    return PACE_NORMS[feature_type]


def words_per_minute(fluent_words: int, seconds: float | None) -> float | None:
    """Returns the learner's fluent words ÷ minutes, to one decimal: fillers and repairs bring nobody on.

    None without words or under 5 seconds. The time is the learner's own where the transcript has the times of
    all that they say fluently (`fluent_parts`), and else that of the session.

    Limit: without such times the minutes hold the turns of others and all silences; with them, the silences
    inside an utterance.
    """
    known = speaking_seconds(seconds)
    return round(60 * fluent_words / known, 1) if fluent_words and known else None


def speaking_words_per_minute(
    fluent_words: int, seconds: float | None, others_words: int, norm: PaceNorm | None
) -> float | None:
    """Returns the learner's speed while speaking, in words a minute, to be compared with the norm.

    In a monologue it is `words_per_minute`, and so it is in the learner's own time, for which `norm` is None.
    In a labeled conversation without times that would be too low, since the minutes hold the others' turns as
    well: two partners who share the time would both seem slow. The learner's part of the time is unknown and
    assumed to be their share of the words, which gives the words of all speakers ÷ minutes. The others' words
    never make the learner seem too fast: they raise the speed at most to the norm's upper end, and above it
    only the learner's own words count.
    """
    own = words_per_minute(fluent_words, seconds)
    together = words_per_minute(fluent_words + others_words, seconds)
    if own is None or together is None or norm is None:
        return own
    return max(own, min(together, float(norm.high)))


def is_implausible(words_per_minute: float | None) -> bool:
    """Returns whether the learner's words a minute are under 20 or over 400.

    Then duration and transcript may not match, or the learner said too little: a note says so.
    """
    if words_per_minute is None:
        return False
    return not MIN_PLAUSIBLE_WORDS_PER_MINUTE <= words_per_minute <= MAX_PLAUSIBLE_WORDS_PER_MINUTE


def talk_share(own_words: int, others_words: int) -> float | None:
    """Returns the learner's words ÷ all words of labeled turns, from 0 to 1, to three decimals.

    None without words.

    Norm: about half in a conversation of equals; more for an interviewee, less for an interviewer.
    Limit: words stand in for time; `talk_share_by_time` needs times.
    """
    total = own_words + others_words
    return round(own_words / total, 3) if total else None


def _restrictions(talk: Talk, restrictions: Sequence[Restriction]) -> dict[str, object]:
    excluded = [name for restriction in restrictions for name in restriction.measures]
    return {
        "not_applicable": list(dict.fromkeys(excluded)),
        "notes": [*talk.transcript.notes, *(restriction.note for restriction in restrictions)],
    }


def _extent(talk: Talk, words: Words, fluency: Fluency, duration: Duration) -> dict[str, object]:
    return {
        "words": len(words),
        "fluent_words": len(fluency.fluent),
        "sentences": len(words.sentences),
        "turns": len(talk.own),
        "duration_seconds": duration.seconds,
        "duration_source": duration.source,
    }


def _pace(
    talk: Talk, words: Words, fluency: Fluency, seconds: float | None, norm: PaceNorm | None
) -> dict[str, float | None]:
    fluent_words, others = len(fluency.fluent), spoken_words(talk.others)
    hesitations = hesitations_among(set(others))
    others_words = sum(1 for word in others if word not in hesitations)
    return {
        "words_per_minute": words_per_minute(fluent_words, seconds),
        "speaking_words_per_minute": speaking_words_per_minute(fluent_words, seconds, others_words, norm),
        "talk_share": talk_share(len(words), len(others)) if talk.is_dialogue else None,
    }


def _wording(words: Words, fluency: Fluency, applicability: Applicability) -> dict[str, object]:
    fluent = fluency.fluent
    opening, closing = sentences.opening_and_closing(words)
    questions = find_questions(words, fluent, english=applicability.english)
    return {
        "hedges": count_hedges(fluent) if applicability.english else None,
        "assertives": count_assertives(fluent) if applicability.english else None,
        "repetitions": fluency.repairs.repetitions,
        "false_starts": fluency.repairs.false_starts,
        "repairs_per_hundred_words": fluency.repairs_per_hundred_words,
        **_sentences(fluent, applicability),
        "vocabulary": measure_vocabulary(fluent),
        "overused_words": overused_words(fluent, applicability.language),
        "inclusive_language": inclusive_notes(words) if applicability.english else None,
        "questions": questions.count,
        "open_questions": questions.open,
        "closed_questions": questions.closed,
        "opening_words": opening,
        "closing_words": closing,
    }


def _sentences(fluent: Words, applicability: Applicability) -> dict[str, object]:
    if applicability.unpunctuated:
        return {"mean_sentence_words": None, "longest_sentence_words": None, "reading_ease": None}
    lengths = sentences.sentence_lengths(fluent)
    return {
        "mean_sentence_words": lengths.mean,
        "longest_sentence_words": lengths.longest,
        "reading_ease": sentences.reading_ease(fluent) if applicability.english else None,
    }
