"""Measures the learner's part of a transcript: `measure` is the entry of the room, the steps are called here.

Pace and vocabulary are defined here too. Nothing in this package does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

from cara.speech import sentences
from cara.speech.applicability import MIN_DURATION_SECONDS, Applicability, detect_language
from cara.speech.disfluencies import count_fillers, count_repairs
from cara.speech.phrases import count_assertives, count_hedges
from cara.speech.schemas import PaceNorm, SpeechMeasures, Vocabulary
from cara.speech.text import TURN, normalize, remove_stage_marks, to_nfc
from cara.speech.words import Words, count_words, tokenize
from cara.transcripts.talk import Talk, read_talk
from cara.transcripts.utterances import Turn

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

_MTLD_RATIO = 0.72
_MIN_MTLD_WORDS = 50


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

    `duration_seconds` is that of the whole session; None, or less than 5 seconds, counts as unknown.
    Languages other than English get only the measures without word lists; those left out are None and named
    in `not_applicable`. What a transcript can't show (pauses, pitch, loudness) isn't measured.

    Raises:
        ValueError: the duration is negative, or the feature type is unknown.
    """
    if duration_seconds is not None and duration_seconds < 0:
        raise ValueError("the duration is negative")
    norm = pace_norm(feature_type)
    own_text, stage_marks = remove_stage_marks(_normalized(talk.own))
    words = tokenize(own_text)
    applicability = Applicability(
        language=detect_language(words),
        words=len(words),
        duration_seconds=duration_seconds,
        spoken=norm is not None,
        unpunctuated=sentences.is_unpunctuated(own_text, len(words)),
    )
    members = {
        **_pace(talk, norm, applicability),
        **_wording(words, applicability),
        "language": applicability.language,
        "words": len(words),
        "fluent_words": len(words),
        "sentences": len(words.sentences),
        "turns": len(talk.own),
        "duration_seconds": duration_seconds,
        "pace_norm": norm if applicability.english else None,
        "stage_marks": stage_marks,
        **_restrictions(talk, applicability),
    }
    return SpeechMeasures.model_validate(members)


def count_spoken_words(turns: Iterable[Turn]) -> int:
    """Returns the words of turns, fillers included, without stage marks."""
    return count_words(remove_stage_marks(_normalized(list(turns)))[0])


def count_fluent_words(talk: Talk) -> int:
    """Returns the learner's words less fillers and repairs."""
    return count_spoken_words(talk.own)


def _normalized(turns: list[Turn]) -> str:
    return f"\n{TURN}\n".join(normalize(to_nfc(turn.text.text)).text for turn in turns)


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


def words_per_minute(words: int, seconds: float | None) -> float | None:
    """Returns the learner's words (with fillers) ÷ minutes, to one decimal.

    None without words or under 5 seconds.

    Limit: the minutes are those of the whole session, with the turns of others and all silences, since a
    transcript doesn't show pauses.
    """
    if not words or seconds is None or seconds < MIN_DURATION_SECONDS:
        return None
    return round(60 * words / seconds, 1)


def speaking_words_per_minute(
    words: int, seconds: float | None, others_words: int, norm: PaceNorm | None
) -> float | None:
    """Returns the learner's speed while speaking, in words a minute, to be compared with the norm.

    In a monologue it is `words_per_minute`. In a labeled conversation that would be too low, since the
    minutes hold the others' turns as well: two partners who share the time would both seem slow. The
    learner's part of the time is unknown and assumed to be their share of the words, which gives the words of
    all speakers ÷ minutes. The others' words never make the learner seem too fast: they raise the speed at
    most to the norm's upper end, and above it only the learner's own words count.
    """
    own = words_per_minute(words, seconds)
    together = words_per_minute(words + others_words, seconds)
    if own is None or together is None or norm is None:
        return own
    return max(own, min(together, float(norm.high)))


def is_implausible(words_per_minute: float | None) -> bool:
    """Returns whether the learner's words a minute are under 20 or over 400: no speed can be inferred.

    Then duration and transcript don't match, or the learner said too little.
    """
    if words_per_minute is None:
        return False
    return not MIN_PLAUSIBLE_WORDS_PER_MINUTE <= words_per_minute <= MAX_PLAUSIBLE_WORDS_PER_MINUTE


def talk_share(own_words: int, others_words: int) -> float | None:
    """Returns the learner's words ÷ all words of labeled turns, from 0 to 1, to three decimals.

    None without words.

    Norm: about half in a conversation of equals; more for an interviewee, less for an interviewer.
    Limit: words stand in for time, which a transcript doesn't show.
    """
    total = own_words + others_words
    return round(own_words / total, 3) if total else None


def measure_vocabulary(fluent: Words) -> Vocabulary | None:
    """Returns the diversity of the words, fillers left out: MTLD, or the type-token ratio under 50 words.

    `kind` says which one it is: they can't be compared with each other. None without words.
    Norm: only the learner's own past. Source: McCarthy & Jarvis 2010, Behavior Research Methods 42.
    Limit: forms of one word (go, goes) count as different words; MTLD varies widely under 100 words.
    """
    if not fluent.lower:
        return None
    distinct = len(set(fluent.lower))
    if len(fluent) < _MIN_MTLD_WORDS:
        ratio = round(distinct / len(fluent), 3)
        return Vocabulary(kind="typeTokenRatio", value=ratio, distinct_words=distinct)
    return Vocabulary(kind="mtld", value=round(mtld(fluent.lower), 1), distinct_words=distinct)


def mtld(words: list[str]) -> float:
    """Returns the measure of textual lexical diversity (MTLD) of at least one word.

    It is the mean length, in words, of the runs that keep a type-token ratio above 0.72, over both directions
    of reading. Unlike the ratio itself it hardly depends on the length of the text. Words that never recur
    give their number.
    """
    return (_mean_run(words, len(words)) + _mean_run(reversed(words), len(words))) / 2


def _mean_run(words: Iterable[str], total: int) -> float:
    factors = 0.0
    seen: set[str] = set()
    length = 0
    for word in words:
        seen.add(word)
        length += 1
        if len(seen) <= _MTLD_RATIO * length:
            factors += 1
            seen.clear()
            length = 0
    if length:
        factors += (1 - len(seen) / length) / (1 - _MTLD_RATIO)
    return total / factors if factors else float(total)


def _restrictions(talk: Talk, applicability: Applicability) -> dict[str, object]:
    restrictions = applicability.restrictions()
    excluded = [name for restriction in restrictions for name in restriction.measures]
    return {
        "not_applicable": list(dict.fromkeys(excluded)),
        "notes": [*talk.transcript.notes, *(restriction.note for restriction in restrictions)],
    }


def _pace(talk: Talk, norm: PaceNorm | None, applicability: Applicability) -> dict[str, object]:
    words = applicability.words
    seconds = applicability.speaking_seconds if applicability.spaced else None
    others_words = count_words(remove_stage_marks(_normalized(talk.others))[0])
    own = words_per_minute(words, seconds)
    return {
        "words_per_minute": own,
        "speaking_words_per_minute": speaking_words_per_minute(words, seconds, others_words, norm),
        "words_per_minute_implausible": is_implausible(own),
        "talk_share": talk_share(words, others_words) if talk.is_dialogue and applicability.spaced else None,
    }


def _wording(words: Words, applicability: Applicability) -> dict[str, object]:
    if applicability.english:
        fillers, fluent = count_fillers(words, applicability.speaking_seconds)
    else:
        fillers, fluent = None, words
    opening, closing = sentences.opening_and_closing(words)
    return {
        "fillers": fillers,
        **_phrases(fluent, applicability),
        **_repairs(fluent, applicability),
        **_sentences(fluent, applicability),
        "vocabulary": measure_vocabulary(fluent) if applicability.spaced else None,
        "questions": sentences.count_questions(words, fluent, english=applicability.english),
        "opening_words": opening,
        "closing_words": closing,
    }


def _phrases(fluent: Words, applicability: Applicability) -> dict[str, object]:
    english, words = applicability.english, applicability.words
    return {
        "hedges": count_hedges(fluent, words) if english else None,
        "assertives": count_assertives(fluent, words) if english else None,
    }


def _repairs(fluent: Words, applicability: Applicability) -> dict[str, object]:
    repairs = count_repairs(fluent) if applicability.spaced else None
    return {
        "repetitions": repairs and repairs.repetitions,
        "false_starts": repairs and repairs.false_starts,
        "repairs_per_hundred_words": repairs and repairs.per_hundred_words,
    }


def _sentences(fluent: Words, applicability: Applicability) -> dict[str, object]:
    known = not applicability.unpunctuated
    lengths = sentences.sentence_lengths(fluent)
    return {
        "mean_sentence_words": lengths.mean if known and applicability.spaced else None,
        "longest_sentence_words": lengths.longest if known and applicability.spaced else None,
        "reading_ease": sentences.reading_ease(fluent) if known and applicability.english else None,
    }
