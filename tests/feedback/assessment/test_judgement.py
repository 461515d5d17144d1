"""Judgements as Gemini really writes them: what is normalized, what is requested again, and what it costs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from prometheus_client import REGISTRY

from cara.devtools.emulator.emulator import EmulatorSettings
from cara.devtools.emulator.faults import Deviation, Fault, PlannedFault
from cara.devtools.emulator.server import running_emulator
from cara.feedback.assessment.assess import MAX_HIGHLIGHTS, assess, grounded
from cara.feedback.assessment.grounding import MAX_QUOTE_CHARACTERS, SpokenText
from cara.feedback.assessment.judgement import (
    MAX_ACTIONS,
    MAX_SENTENCES_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    JudgedHighlight,
    Judgement,
    NoUsableScore,
    shorten,
)
from cara.feedback.assessment.prompt import ANSWER_TOKENS
from cara.gemini.tokens import thinking_room
from cara.postgres.database import Database
from cara.practice.feedback_schemas import Feedback
from cara.settings import Settings
from cara.speech import measure
from cara.transcripts.talk import read_talk
from tests.charges import fits_ledger
from tests.conftest import RunningEmulator
from tests.feedback.assessment.test_prompt import JUDGEMENT
from tests.feedback.work.attempts import charges, the_job
from tests.learners import TALK, Learner
from tests.streams import SentEvent
from tests.workers import running_worker

ROOM = ANSWER_TOKENS + thinking_room("low")
"""The output limit of a first judgement."""

LONG_TALK = " ".join(
    f"{n} was the week in which we cut the budget by {n} percent and told nobody about it."
    for n in range(2, 40)
)


def with_score(score: object) -> dict[str, Any]:
    return {**JUDGEMENT, "tone": {"score": score, "feedback": "Warm."}}


def feedback_from(judgement: dict[str, Any], talk: str = "We grew. We hired. We left.") -> Feedback:
    measures = measure(talk, duration_seconds=60, feature_type="writing")
    return assess(
        read_talk(talk),
        "writing",
        measures,
        Judgement.read(judgement),
        model="gemini-test",
        recent_mean_score=None,
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (70, 70), (85.5, 86), (84.5, 85), ("85", 85), (" 85 / 100 ", 85), ("85%", 85), ("85,5", 86),
        ("84.50000000000001", 85), (101, 100), (10**400, 100), (math.inf, 100), (-5, 0), (-0.2, 0),
        (99.7, 100), (0, 0), (None, None), ("", None), ("good", None), (True, None), (math.nan, None),
        ([85], 85), ([85, 90], None), ({}, None), ("85 out of 100", 85), ("85/100", 85),
        ("85 of 100 points", 85), ("8/10", 80), ("4.5 out of 5", 90), ("Score: 85", 85), ("~85", 85),
        ("85 points", 85), ("85.", 85), ("85 (good)", 85), ("120/100", 100), ("85/0", 85), ("0/100", 0),
        ("-5/100", 0), ({"value": 85}, 85), ({"score": {"value": "85"}}, 85), ({"Value": 8, "outOf": 10}, 80),
        ({"points": 17, "max": 20}, 85), ({"value": 10**400, "max": 7}, 100), ({"value": True}, None),
        ({"value": 85, "max": math.nan}, 85), ({"value": None, "rating": 70}, 70), ([[[[[[85]]]]]], None),
        ("85 " + " " * 100_000 + "x", None), ("85-90", None), ("I counted 85 words", None),
        ({"words": 85}, None),
    ],
)  # fmt: skip
def test_a_score_is_read_rounded_and_clamped_or_it_is_none(written: object, read: int | None) -> None:
    assert Judgement.read(with_score(written)).tone.score == read


def test_an_aspect_may_be_its_score_or_its_sentence_alone() -> None:
    judgement = Judgement.read({"clarity": 80, "tone": "Warm.", "pace": "Even.", "relevance": [1, 2]})
    assert (judgement.clarity.score, judgement.clarity.feedback) == (80, "")
    assert (judgement.tone.score, judgement.tone.feedback) == (None, "Warm.")
    assert judgement.pace.feedback == "Even."
    assert judgement.relevance.score is None


def mended(what: str) -> float:
    return REGISTRY.get_sample_value("cara_feedback_judgements_mended_total", {"what": what}) or 0.0


ASPECT = {"score": 80, "feedback": "Clear."}


@pytest.mark.parametrize(
    "data",
    [
        {"judgement": {"clarity": ASPECT}},
        {"version": 2, "result": {"judgement": [{"clarity": ASPECT}]}},
        {"breakdown": {"communication": {"clarity": ASPECT}, "content": {"relevance": None}}},
        {"scores": {"Clarity": 80}, "feedback": {"clarity": "Clear."}},
        {"aspects": [{"name": "Clarity", "score": "80/100", "comment": "Clear."}, {"name": "other"}]},
        {"clarity_score": 80, "clarityFeedback": "Clear."},
        {"scores": [{"clarity": {"rating": {"value": 80}}, "weights": {"tone": 20}}], "clarity": "Clear."},
        [{"clarity": ASPECT}],
        [[{"clarity": ASPECT}, 7, None]],
    ],
)
def test_scores_are_found_wherever_they_stand(data: Any) -> None:
    before = mended("nesting")
    judgement = Judgement.read(data)
    assert (judgement.clarity.score, judgement.clarity.feedback) == (80, "Clear.")
    assert (judgement.tone.score, judgement.relevance.score) == (None, None)
    assert mended("nesting") == before + 1


def test_a_whole_judgement_is_read_although_it_is_wrapped() -> None:
    assert Judgement.read({"meta": {"certainty": 1}, "feedback": JUDGEMENT}) == Judgement.read(JUDGEMENT)


def test_names_count_by_their_words_and_the_exact_one_first() -> None:
    judgement = Judgement.read(
        {
            **JUDGEMENT,
            "Clarity": {"score": 10},
            "TONE": 55,
            "tone": ASPECT,
            "action_items": [{"title": "Ask"}],
        }
    )
    assert (judgement.clarity.score, judgement.tone.score) == (70, 80)
    assert Judgement.read({"CLARITY": 81, "Action Items": [{"title": "Ask"}]}).action_items[0].title == "Ask"


def test_where_scores_stand_at_their_place_nothing_else_is_taken_for_one() -> None:
    judgement = Judgement.read(
        {"clarity": ASPECT, "weights": {"tone": 20}, "details": {"tone": {"score": 3}}}
    )
    assert judgement.tone.score is None


@pytest.mark.parametrize(
    ("scores", "read"),
    [
        ([0.85, 0.7, 1, 0, 0.5], [85, 70, 100, 0, 50]),
        (["0.85", {"value": 0.7}, 1.0, None, "0,5"], [85, 70, 100, None, 50]),
        ([0.8, None, None, None, None], [80, None, None, None, None]),
        ([0.85, 0.7, 1, 0, 2], [1, 1, 1, 0, 2]),
        ([1, 1, 0, 1, 1], [1, 1, 0, 1, 1]),
        ([8, 7, 9, 10, 6.5], [8, 7, 9, 10, 7]),
        (["0.5%", 0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1, 1]),
    ],
)
def test_scores_are_shares_of_one_only_where_all_of_them_are(scores: list[Any], read: list[Any]) -> None:
    before = mended("scale")
    names = ("clarity", "tone", "confidence", "relevance", "structure")
    judgement = Judgement.read({name: {"score": score} for name, score in zip(names, scores, strict=True)})
    assert [getattr(judgement, name).score for name in names] == read
    assert mended("scale") - before == (read[0] in (85, 80))


def test_a_judgement_that_is_nested_too_deep_or_too_wide_is_searched_within_bounds() -> None:
    wide: Any = [[{"a": {"b": []}}] * 1_000] * 1_000
    deep: Any = {"clarity": 80}
    for _ in range(10_000):
        deep = {"a": deep}
    for data in (wide, deep):
        with pytest.raises(NoUsableScore):
            Judgement.read(data)


@pytest.mark.parametrize(
    "data", [{}, {"unexpected": "We grew"}, {"clarity": None, "tone": {"score": "high"}}]
)
def test_an_answer_without_any_score_is_unusable(data: dict[str, Any]) -> None:
    with pytest.raises(NoUsableScore):
        Judgement.read({**data, "summary": "Well done.", "pace": {"score": 80, "feedback": "Even."}})


def test_an_aspect_without_a_score_leaves_its_weight_to_the_others() -> None:
    scored = {"relevance": 90, "structure": 60, "confidence": 30}
    judged = {**JUDGEMENT, **{name: {"score": score, "feedback": "So."} for name, score in scored.items()}}
    judged |= {"clarity": {"score": None, "feedback": "Clear."}, "tone": {"feedback": "Warm."}}
    feedback = feedback_from(judged)
    assert feedback.breakdown.communication.clarity.score is None
    assert feedback.breakdown.communication.clarity.feedback == "Clear."
    assert feedback.breakdown.communication.tone.score is None
    confidence = feedback.breakdown.communication.confidence.score
    assert confidence is not None
    assert feedback.overview.score == round((20 * 90 + 25 * 60 + 10 * confidence) / 55)


def test_a_text_that_is_too_long_is_cut_after_a_word() -> None:
    assert shorten("one two three", 13) == "one two three"
    assert shorten("one two, three", 10) == "one two…"
    assert shorten("字" * 20, 10) == "字" * 9 + "…"
    assert shorten("a " + "b" * 20, 10) == "a " + "b" * 7 + "…"
    words = "word " * 1_000
    long = {**JUDGEMENT, "summary": words, "actionItems": [{"title": words, "why": words, "exercise": words}]}
    judgement = Judgement.read(long)
    (action,) = judgement.action_items
    assert len(action.title) <= MAX_TITLE_CHARACTERS
    for text in (judgement.summary, action.title, action.why, action.exercise):
        assert text.endswith("word…")
        assert len(text) <= MAX_SENTENCES_CHARACTERS


def test_lists_keep_what_can_be_used() -> None:
    quote = {"quote": "We grew.", "type": "Strengths", "comment": "Plain."}
    judgement = Judgement.read(
        {
            **JUDGEMENT,
            "highlights": [quote, "We grew.", None, {**quote, "type": "joke"}, {**quote, "type": "weakness"}],
            "actionItems": [
                {"why": "It opens."},
                {"title": " "},
                7,
                *({"title": f"Ask {n}"} for n in range(9)),
            ],
        }
    )
    assert [highlight.type for highlight in judgement.highlights] == ["strength", "improvement"]
    assert [action.title for action in judgement.action_items] == ["It opens.", "Ask 0", "Ask 1", "Ask 2"]
    for nothing in (None, {}, "We grew.", 3):
        empty = Judgement.read({**JUDGEMENT, "highlights": nothing, "actionItems": nothing})
        assert (empty.highlights, empty.action_items) == ([], [])


def quotes(*texts: str, kind: str = "strength") -> list[JudgedHighlight]:
    return [JudgedHighlight.model_validate({"quote": text, "type": kind}) for text in texts]


def test_a_quote_that_is_too_long_is_cut_to_sentences_that_stand_in_the_talk() -> None:
    place = SpokenText(read_talk(LONG_TALK)).find_sentence(LONG_TALK[:900])
    assert place is not None
    assert LONG_TALK.startswith(place.text)
    assert place.text.endswith("about it.")
    assert MAX_QUOTE_CHARACTERS - 90 < len(place.text) <= MAX_QUOTE_CHARACTERS
    invented = "Nobody said that. " * 20 + LONG_TALK[:900]
    found = SpokenText(read_talk(LONG_TALK)).find_sentence("Nobody said that. " + LONG_TALK[:900])
    assert found is not None
    assert found.text == LONG_TALK[: found.end]
    assert SpokenText(read_talk(LONG_TALK)).find_sentence(invented[:500]) is None
    unpunctuated = LONG_TALK.replace(".", "")
    cut = SpokenText(read_talk(unpunctuated)).find_sentence(unpunctuated[:900])
    assert cut is not None
    assert unpunctuated[cut.end] == " "


def test_a_sentence_of_two_words_does_not_represent_a_long_quote() -> None:
    invented = "The board has never been so shaken by a single number in all its years. Yes. " * 8
    assert SpokenText(read_talk(f"Yes. {LONG_TALK}")).find_sentence(invented) is None
    assert SpokenText(read_talk(f"Yes. {LONG_TALK}")).find_sentence("Yes.") is not None


def test_of_too_many_highlights_the_first_are_kept_with_both_types() -> None:
    words = LONG_TALK.split(". ")
    kept = grounded(
        read_talk(LONG_TALK), [*quotes(*words[:12], words[0]), *quotes(words[13], kind="improvement")]
    )
    assert [highlight.quote for highlight in kept[:-1]] == [*words[: MAX_HIGHLIGHTS - 1]]
    assert (kept[-1].quote, kept[-1].type) == (words[13], "improvement")
    assert len(grounded(read_talk(LONG_TALK), quotes(words[0], words[0], "Never said."))) == 1


def test_a_quote_across_captions_is_heard_from_the_first_to_the_last() -> None:
    captions = (
        "WEBVTT\n\n00:02.000 --> 00:04.500\n<v You>We moved the night\n\n"
        "00:04.500 --> 00:07.000\n<v You>shift to nine. It helped.\n\n00:08.000 --> 00:09.000\n<v Bob>Good.\n"
    )
    across, within = grounded(read_talk(captions), quotes("the night shift to nine", "It helped."))
    assert (across.start_seconds, across.end_seconds) == (2, 7)
    assert (within.start_seconds, within.end_seconds) == (4.5, 7)
    (untimed,) = grounded(read_talk("You: We moved the night shift."), quotes("the night shift"))
    assert untimed.start_seconds is untimed.end_seconds is None


# What the learner sees of each deviation, beyond that it is feedback.
SEEN: dict[Deviation, Any] = {
    Deviation.LONG_SUMMARY: lambda told: 1_000 < len(told["overview"]["summary"]) <= MAX_SENTENCES_CHARACTERS,
    Deviation.LONG_TITLE: lambda told: len(told["actionItems"][0]["title"]) <= MAX_TITLE_CHARACTERS,
    Deviation.LONG_QUOTE: lambda told: all(len(one["quote"]) <= 400 for one in told["highlights"]),
    Deviation.EMPTY_SENTENCE: lambda told: told["breakdown"]["communication"]["clarity"]["feedback"] == "",
    Deviation.MANY_HIGHLIGHTS: lambda told: len(told["highlights"]) == MAX_HIGHLIGHTS,
    Deviation.FRACTIONAL_SCORES: lambda told: told["breakdown"]["content"]["structure"]["score"] == 86,
    Deviation.SCORES_AS_TEXT: lambda told: told["breakdown"]["content"]["structure"]["score"] == 85,
    Deviation.SCORES_BEYOND: lambda told: told["breakdown"]["content"]["structure"]["score"] == 100,
    Deviation.NULL_SCORE: lambda told: told["breakdown"]["content"]["structure"]["score"] is None,
    Deviation.MISSING_SCORE: lambda told: told["breakdown"]["content"]["structure"]["score"] is None,
    Deviation.FOREIGN_MEMBERS: lambda told: "certainty" not in str(told),
    Deviation.FENCED: lambda told: told["highlights"],
    Deviation.PREFACED: lambda told: told["highlights"],
    Deviation.ONE_ITEM_TOO_MANY: lambda told: len(told["actionItems"]) == MAX_ACTIONS,
    Deviation.UNGROUNDED: lambda told: told["highlights"] == [] and told["actionItems"],
}


def test_every_deviation_has_a_check() -> None:
    assert set(SEEN) == set(Deviation)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("deviation", Deviation)
async def test_a_judgement_that_deviates_is_normalized_without_another_call(
    learner: Learner, database: Database, emulator: RunningEmulator, deviation: Deviation
) -> None:
    emulator.emulator.fail_rate(deviation, 1.0)
    talk = LONG_TALK if deviation is Deviation.LONG_QUOTE else TALK
    ended = (await learner.follows(await learner.asks_for_feedback(talk)))[-1]
    assert (ended.name, ended.data["attempts"]) == ("succeeded", 1)
    told = ended.data["feedback"]
    assert SEEN[deviation](told)
    assert told["overview"]["score"] is not None
    assert len(told["actionItems"]) <= MAX_ACTIONS
    assert all(talk[one["start"] : one["end"]] == one["quote"] for one in told["highlights"])
    assert emulator.emulator.ledger.calls == 1
    assert await charges(database) == [emulator.emulator.ledger.total_tokens]
    assert (await learner.expects(200, "GET", "/api/gemini/quota"))["reserved"] == 0


def output_limits(emulator: RunningEmulator) -> list[int]:
    """The output limit of each call, in tokens."""
    return [asked.body["generationConfig"]["maxOutputTokens"] for asked in emulator.emulator.requests]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("fault", [Fault.OUT_OF_ROOM, Fault.ONLY_THOUGHTS])
async def test_a_judgement_that_was_cut_off_is_requested_again_with_a_higher_limit(
    learner: Learner, database: Database, emulator: RunningEmulator, fault: Fault
) -> None:
    emulator.emulator.fail_next(fault)
    ended = (await learner.follows(await learner.asks_for_feedback()))[-1]
    assert (ended.name, ended.data["attempts"]) == ("succeeded", 2)
    assert output_limits(emulator) == [ROOM, 2 * ROOM]
    await books_are_balanced(learner, database, emulator, calls=2)


async def test_thoughts_that_need_more_than_the_default_limit_get_a_higher_one(
    learner: Learner, settings: Settings, database: Database
) -> None:
    thoughtful = EmulatorSettings(thinking_tokens=ROOM + 500, chunk_delay_seconds=0.001)
    async with running_emulator(thoughtful) as running:
        async with running_worker(settings.model_copy(update={"gemini_base_url": running.url})):
            ended = (await learner.follows(await learner.asks_for_feedback()))[-1]
        assert (ended.name, ended.data["attempts"]) == ("succeeded", 2)
        assert sum(await charges(database)) == running.emulator.ledger.total_tokens


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.OUT_OF_ROOM, "ran out of room"),
        (Fault.ONLY_THOUGHTS, "ran out of room"),
        (Fault.BROKEN_JSON, "could not be used"),
        (Fault.SCHEMA_BREACH, "could not be used"),
        (Fault.CUT_STREAM, "could not be used"),
    ],
)
async def test_a_learner_pays_for_two_judgements_of_a_job_at_the_most(
    learner: Learner, database: Database, emulator: RunningEmulator, fault: Fault, words: str
) -> None:
    emulator.emulator.fail_rate(fault, 1.0)
    ended = (await learner.follows(await learner.asks_for_feedback()))[-1]
    assert (ended.name, ended.data["attempts"]) == ("failed", 2)
    assert ended.data["problem"]["code"] == "gemini_bad_answer"
    assert words in ended.data["problem"]["detail"]
    await books_are_balanced(learner, database, emulator, calls=2)


async def test_a_learner_with_few_tokens_left_pays_for_no_second_judgement_with_the_same_limit(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_rate(Fault.ONLY_THOUGHTS, 1.0)
    async with database.acquire() as connection:
        await connection.execute("update users set daily_token_quota = 13000")
    async with running_worker(settings):
        ended = (await learner.follows(await learner.asks_for_feedback()))[-1]
    assert (ended.name, ended.data["problem"]["code"]) == ("failed", "quota_exceeded")
    await books_are_balanced(learner, database, emulator, calls=1)


async def test_unbilled_errors_do_not_count_as_judgements(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    for fault in (Fault.UNAVAILABLE, Fault.BROKEN_JSON, Fault.UNAVAILABLE):
        emulator.emulator.fail_next(fault)
    async with running_worker(settings.model_copy(update={"gemini_attempts": 1})):
        ended = (await learner.follows(await learner.asks_for_feedback()))[-1]
    assert (ended.name, ended.data["attempts"]) == ("succeeded", 4)
    job = await the_job(database)
    assert (job["failures"], job["answers"]) == (3, 1)
    assert len(await charges(database)) == 2


async def test_two_billed_streams_that_stall_end_the_job(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    emulator.emulator.fail_rate(PlannedFault(Fault.STALL_MIDSTREAM, after_chunks=1), 1.0)
    async with running_worker(settings.model_copy(update={"gemini_between_chunks_seconds": 0.5})):
        ended = (await learner.follows(await learner.asks_for_feedback()))[-1]
    assert (ended.name, ended.data["problem"]["code"]) == ("failed", "gemini_timed_out")
    await books_are_balanced(learner, database, emulator, calls=2)


async def test_calls_of_dead_workers_count_against_the_attempts_alone(
    learner: Learner, settings: Settings, database: Database
) -> None:
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(ABANDONED, 2)
    async with running_worker(settings):
        assert (await learner.follows(job))[-1].name == "succeeded"
    left = await the_job(database)
    assert (left["failures"], left["answers"]) == (3, 0)


async def test_a_job_whose_workers_die_as_often_as_it_may_fail_is_failed(
    learner: Learner, settings: Settings, database: Database, emulator: RunningEmulator
) -> None:
    job = await learner.asks_for_feedback()
    async with database.acquire() as connection:
        await connection.execute(ABANDONED, settings.job_attempts - 1)
    async with running_worker(settings):
        ended: SentEvent = (await learner.follows(job))[-1]
    assert (ended.name, ended.data["problem"]["code"]) == ("failed", "internal_error")
    await books_are_balanced(learner, database, emulator, calls=0)


ABANDONED = """
    update feedback_jobs
    set status = 'running', stage = 'asking', attempts = 1, failures = $1, started_at = now(),
        lease_expires_at = now() - interval '1 second'
"""


async def books_are_balanced(
    learner: Learner, database: Database, emulator: RunningEmulator, *, calls: int
) -> None:
    """Gemini was called this often, what it told is charged, and nothing stays reserved."""
    ledger = emulator.emulator.ledger
    assert ledger.calls == calls
    quota = await learner.expects(200, "GET", "/api/gemini/quota")
    assert fits_ledger(quota["tokensUsed"], ledger)
    assert quota["reserved"] == 0
    if calls:
        charged = await charges(database)
        assert (len(charged), sum(charged)) == (calls, quota["tokensUsed"])
