"""Answers under a schema: valid, and made of the talk that was sent."""

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.emulator.prompt import read_prompt
from cara.emulator.schema_answers import SchemaAnswer
from cara.emulator.talk import Talk, learner_talk

SCORE = {"type": "integer", "minimum": 0, "maximum": 100}
PART = {
    "type": "object",
    "properties": {"score": SCORE, "feedback": {"type": "string", "maxLength": 300}},
    "required": ["score", "feedback"],
}
FEEDBACK = {
    "type": "object",
    "properties": {
        "summary": {"type": "string", "minLength": 20, "maxLength": 500},
        "clarity": {"$ref": "#/$defs/Part"},
        "confidence": {"$ref": "#/$defs/Part"},
        "relevance": {"$ref": "#/$defs/Part"},
        "structure": {"$ref": "#/$defs/Part"},
        "actionItems": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    name: {"type": "string", "maxLength": 200} for name in ("title", "why", "exercise")
                },
                "required": ["title", "why", "exercise"],
            },
        },
        "highlights": {
            "type": "array",
            "minItems": 2,
            "maxItems": 5,
            "items": {
                "type": "object",
                "properties": {
                    "quote": {"type": "string", "maxLength": 120},
                    "type": {"enum": ["strength", "improvement"]},
                    "comment": {"type": "string"},
                },
                "required": ["quote", "type", "comment"],
            },
        },
    },
    "required": ["summary", "clarity", "confidence", "highlights", "actionItems"],
    "$defs": {"Part": PART},
}
SURE = (
    "We close the gap in March. Our tests pass, and the customers renewed. Please approve the budget today."
)
UNSURE = (
    "Um, I think we could, like, maybe close it. I guess, um, the tests might pass. Basically it is fine."
)
COACH = "Coach: Take your time and tell me about the quarterly budget."
LABELLED = f"You: {UNSURE}\n{COACH}\n[00:12] You: It costs 3.5 million."


def answer(schema, transcript):
    return SchemaAnswer(schema, learner_talk(transcript)).instance()


@pytest.mark.parametrize("transcript", [SURE, UNSURE, LABELLED, "Hm", ""])
def test_an_answer_keeps_to_its_schema_whatever_the_talk(transcript):
    jsonschema.validate(answer(FEEDBACK, transcript), FEEDBACK)


@pytest.mark.parametrize("transcript", [SURE, UNSURE, LABELLED])
def test_every_quote_stands_in_the_learners_words(transcript):
    learner = learner_talk(transcript).text
    quotes = [highlight["quote"] for highlight in answer(FEEDBACK, transcript)["highlights"]]
    assert len(set(quotes)) == len(quotes)
    assert all(quote in learner and quote in transcript for quote in quotes)


def test_another_talk_gets_other_scores_and_other_words():
    sure, unsure = answer(FEEDBACK, SURE), answer(FEEDBACK, UNSURE)
    assert sure["clarity"]["score"] > unsure["clarity"]["score"]
    assert sure["confidence"]["score"] > unsure["confidence"]["score"]
    assert sure["summary"] != unsure["summary"]


@pytest.mark.parametrize(
    "transcript", [SURE, UNSURE, "We " + "go on and " * 20 + "stop.", "I guess it might do."]
)
def test_advice_is_about_the_learners_own_sentences(transcript):
    items = answer(FEEDBACK, transcript)["actionItems"]
    assert all(set(item["exercise"].split("“")[1].split()) & set(transcript.split()) for item in items)
    assert len({item["title"] for item in items}) == len(items)


def test_a_sentence_with_fillers_is_no_strength():
    kinds = {item["quote"]: item["type"] for item in answer(FEEDBACK, f"{SURE} {UNSURE}")["highlights"]}
    assert set(kinds.values()) == {"strength", "improvement"}
    assert all(kind == "improvement" for quote, kind in kinds.items() if "um" in quote.lower())


def test_geminis_own_schema_dialect_is_understood():
    schema = {
        "type": "OBJECT",
        "properties": {
            "score": {"type": "NUMBER", "minimum": 1, "maximum": 5},
            "quotes": {"type": "ARRAY", "minItems": "1", "maxItems": "2", "items": {"type": "STRING"}},
            "note": {"type": "STRING", "nullable": True},
        },
    }
    found = answer(schema, SURE)
    assert 1 <= found["score"] <= 5
    assert 1 <= len(found["quotes"]) <= 2
    assert isinstance(found["note"], str)


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "null"}, {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}]},
        {"allOf": [{"properties": {"a": SCORE}}, {"required": ["a"]}], "type": "object"},
        {"type": ["string", "null"], "maxLength": 7},
        {"type": "array", "uniqueItems": True, "minItems": 2, "items": {"enum": ["a", "b", "c"]}},
        {"const": 4},
        {"type": "string", "format": "date-time"},
        {"type": "boolean"},
        {"type": "null"},
    ],
)
def test_the_corners_of_json_schema_are_filled_validly(schema):
    jsonschema.validate(answer(schema, SURE), schema)


def test_a_schema_that_contains_itself_comes_to_an_end():
    tree = {
        "$ref": "#/$defs/N",
        "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}},
    }
    jsonschema.validate(answer(tree, SURE), tree)


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_no_text_makes_it_stumble(text):
    jsonschema.validate(answer(FEEDBACK, text), FEEDBACK)


def test_only_the_learners_turns_are_judged():
    talk = learner_talk(LABELLED)
    assert "quarterly" not in talk.text
    assert "It costs 3.5 million." in talk.sentences


def test_the_fenced_transcript_is_found_among_the_instructions():
    text = f'Judge this.\n<transcript lang="en">\n{SURE}\n</transcript>\nBe fair.'
    prompt = read_prompt({"contents": [{"role": "user", "parts": [{"text": text}]}]})
    assert prompt.transcript == SURE


def test_without_a_fence_the_last_user_text_is_the_transcript():
    turns = [("user", "First."), ("model", "Go on."), ("user", "Second thing.")]
    prompt = read_prompt({"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]})
    assert prompt.transcript == "Second thing."


def test_marks_stay_between_the_bounds():
    assert all(5 <= Talk("um like maybe " * 50).score(aspect) <= 98 for aspect in ("clarity", "tone", "x"))
