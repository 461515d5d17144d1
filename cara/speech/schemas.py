"""The measures as they are stored and sent: frozen, with camelCase members in JSON.

A member that is null was not measured; `not_applicable` names the measures that could not be taken and
`notes` gives the reasons. Pauses are known only by times in the transcript; pitch and loudness never are, and
are not claimed.
"""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from cara.json_values import Number


class _Measure(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Fillers(_Measure):
    """Filler words: how many, how dense, and which.

    `uncertainWords` are words such as `like`, `so` and `well` that were not counted: nothing around them
    tells whether they are fillers. `perMinute` is null where words a minute are.
    """

    count: int
    per_hundred_words: float | None
    per_minute: float | None
    by_word: dict[str, int]
    uncertain_words: int


class PhraseUse(_Measure):
    """Phrases of one list that occur in the talk: hedges or assertives."""

    count: int
    per_hundred_words: float | None
    phrases: dict[str, int]


class Vocabulary(_Measure):
    """Variety of words; `kind` says which of the two measures `value` is."""

    kind: Literal["mtld", "typeTokenRatio"]
    value: float
    distinct_words: int


class PaceNorm(_Measure):
    """Words a minute that count as usual for the kind of talk."""

    low: int
    high: int


class OverusedWord(_Measure):
    """A content word that comes back too often."""

    word: str
    count: int
    per_hundred_words: float | None


class InclusiveNote(_Measure):
    """A phrase that may exclude people: as it was said, what could be said instead, and why. Never scored."""

    phrase: str
    count: int
    suggestions: list[str]
    note: str


class Pauses(_Measure):
    """Silences of more than 0.25 seconds inside the learner's turns.

    `share` is their part of the time of speech and pauses, from 0 to 1; `perMinute` counts them in it.
    """

    count: int
    per_minute: float
    share: float
    longest_seconds: Number


class ArticulationRate(_Measure):
    """How fast the learner articulates: in the time of speech, without pauses.

    Syllables are counted in English alone, and null elsewhere.
    """

    words_per_minute: float
    syllables_per_minute: float | None


class PaceOverTime(_Measure):
    """Fluent words a minute in windows of the learner's own time, and how much they vary.

    `variation` is their standard deviation ÷ their mean, and null where no window has a fluent word.
    """

    window_seconds: int
    words_per_minute: list[float]
    variation: float | None


class ResponseLatency(_Measure):
    """Seconds from the end of the others' turns to the learner's replies; negative where they overlap."""

    median: Number
    longest: Number


class Timing(_Measure):
    """What the times of a transcript tell; each member is null where they don't tell it.

    `speakingSeconds`, the learner's own time, needs starts and ends of all that they say, and `paceOverTime`
    at least 45 seconds of it. `pauses` and `articulationRate` need times of words, other than those of
    captions. `longestMonologueSeconds` needs starts and ends of everybody's turns; so do `talkShareByTime`,
    `interruptions` and `responseLatencySeconds`, which are null in a monologue, the last two also where times
    are not exact, and response latency where the learner replies to nobody. `interruptions` are starts more
    than 0.3 seconds before the end of another's turn.
    """

    speaking_seconds: Number | None
    pauses: Pauses | None
    articulation_rate: ArticulationRate | None
    pace_over_time: PaceOverTime | None
    response_latency_seconds: ResponseLatency | None
    longest_monologue_seconds: Number | None
    interruptions: int | None
    talk_share_by_time: float | None


class ScorableRates(NamedTuple):
    """Counts per 100 fluent words, without those that may be fillers though nothing tells.

    One such word more makes nothing else seem rarer. Hedges are those that count as fillers (kind of, sort
    of), too: no filler beside a phrase makes it soften less. None is what was not measured, and what has no
    norm, as fillers have one in English alone.
    """

    fillers: float | None
    repairs: float | None
    hedges: float | None
    assertives: float | None


class SpeechMeasures(_Measure):
    """Everything that is counted in the learner's own turns.

    `fluentWords` are the words less fillers and repairs: what would be left of the talk if it were fluent.
    Spanish, French, German, Portuguese, Italian, Hindi, Japanese and Turkish have lists of fillers of their
    own; in other languages than these and English, fillers are hesitation sounds alone. Words a minute, rates
    per 100 words, lengths of sentences and the variety of words are those of the fluent words.

    `durationSeconds` is that of the session; `durationSource` says whether it was given or is that of the
    transcript; both are null where neither is known. Where the transcript has times of all that the learner
    says, words a minute are those of the learner's own time, and else of the duration; they are null in
    writing, and if that time is unknown or under 5 seconds. `paceNorm` is null in writing and outside
    English.

    Outside English `hedges`, `assertives`, `readingEase`, `inclusiveLanguage`, `openQuestions` and
    `closedQuestions` are null, and `fillers` where not even hesitation sounds of the language are known.
    `readingEase` and lengths of sentences are null without punctuation, `overusedWords` under 50 fluent words
    and where content words can't be told from others, `talkShare` in a monologue, and `timing` in writing
    and where times are missing or make no sense.

    `notApplicable` names measures that could not be taken; `notes` tell the learner why, and what the others
    are worth.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "language": "en",
                    "words": 10,
                    "fluentWords": 9,
                    "sentences": 2,
                    "turns": 1,
                    "durationSeconds": 6,
                    "durationSource": "given",
                    "wordsPerMinute": 100.0,
                    "speakingWordsPerMinute": 100.0,
                    "wordsPerMinuteImplausible": False,
                    "paceNorm": {"low": 120, "high": 160},
                    "fillers": {
                        "count": 1,
                        "perHundredWords": 10.0,
                        "perMinute": 11.11,
                        "byWord": {"um": 1},
                        "uncertainWords": 0,
                    },
                    "hedges": {"count": 0, "perHundredWords": 0.0, "phrases": {}},
                    "assertives": {"count": 1, "perHundredWords": 10.0, "phrases": {"i recommend": 1}},
                    "repetitions": 0,
                    "falseStarts": 0,
                    "repairsPerHundredWords": 0.0,
                    "meanSentenceWords": 4.5,
                    "longestSentenceWords": 7,
                    "readingEase": 89.5,
                    "vocabulary": {"kind": "typeTokenRatio", "value": 1.0, "distinctWords": 9},
                    "overusedWords": None,
                    "inclusiveLanguage": [],
                    "questions": 0,
                    "openQuestions": 0,
                    "closedQuestions": 0,
                    "talkShare": None,
                    "timing": {
                        "speakingSeconds": 5.4,
                        "pauses": {"count": 1, "perMinute": 11.11, "share": 0.111, "longestSeconds": 0.6},
                        "articulationRate": {"wordsPerMinute": 125.0, "syllablesPerMinute": 162.5},
                        "paceOverTime": None,
                        "responseLatencySeconds": None,
                        "longestMonologueSeconds": 5.4,
                        "interruptions": None,
                        "talkShareByTime": None,
                    },
                    "stageMarks": {},
                    "openingWords": "Um, thank you.",
                    "closingWords": "I recommend that we hire two people.",
                    "notApplicable": ["overusedWords"],
                    "notes": [],
                },
            ]
        }
    )

    language: str
    words: int
    fluent_words: int
    sentences: int
    turns: int
    duration_seconds: Number | None
    duration_source: Literal["given", "transcript"] | None
    words_per_minute: float | None
    speaking_words_per_minute: float | None
    words_per_minute_implausible: bool
    pace_norm: PaceNorm | None
    fillers: Fillers | None
    hedges: PhraseUse | None
    assertives: PhraseUse | None
    repetitions: int | None
    false_starts: int | None
    repairs_per_hundred_words: float | None
    mean_sentence_words: float | None
    longest_sentence_words: int | None
    reading_ease: float | None
    vocabulary: Vocabulary | None
    overused_words: list[OverusedWord] | None
    inclusive_language: list[InclusiveNote] | None
    questions: int
    open_questions: int | None
    closed_questions: int | None
    talk_share: float | None
    timing: Timing | None
    stage_marks: dict[str, int]
    opening_words: str | None
    closing_words: str | None
    not_applicable: list[str]
    notes: list[str]

    @property
    def scorable_rates(self) -> ScorableRates:
        """The rates that scores are made of."""
        fillers, hedges, assertives = self.fillers, self.hedges, self.assertives
        certain_words = self.fluent_words - (fillers.uncertain_words if fillers else 0)
        if not certain_words:
            return ScorableRates(None, None, None, None)

        def rate(count: int) -> float:
            return 100 * count / certain_words

        softening = sum(fillers.by_word.get(phrase, 0) for phrase in ("kind of", "sort of")) if fillers else 0
        repairs = (self.repetitions or 0) + (self.false_starts or 0)
        return ScorableRates(
            fillers=rate(fillers.count) if fillers and self.language == "en" else None,
            repairs=rate(repairs),
            hedges=rate(hedges.count + softening) if hedges else None,
            assertives=rate(assertives.count) if assertives else None,
        )

    @property
    def scorable_words_per_minute(self) -> float | None:
        """The speed that `pace_score` may judge; None when the talk has no norm."""
        return None if self.pace_norm is None else self.speaking_words_per_minute
