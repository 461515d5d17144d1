"""Answers under a schema: valid, and about the talk that was sent."""

import re

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.devtools.emulator.advice import Advice
from cara.devtools.emulator.passages import Passages
from cara.devtools.emulator.prompt import Facts, read_facts, read_prompt
from cara.devtools.emulator.schema_answers import SchemaAnswer
from cara.devtools.emulator.transcript import learner_text, split_sentences
from cara.feedback.assessment.grounding import SpokenText
from cara.feedback.assessment.judgement import judgement_schema
from cara.feedback.assessment.prompt import question
from cara.samples import SAMPLES
from cara.speech import measure
from cara.transcripts.talk import read_talk

SCORE = {"type": "integer", "minimum": 0, "maximum": 100}
PART = {
    "type": "object",
    "properties": {"score": SCORE, "feedback": {"type": "string"}},
    "required": ["score", "feedback"],
}
FEEDBACK = {
    "type": "object",
    "properties": {
        "summary": {"type": "string"},
        "clarity": {"$ref": "#/$defs/Part"},
        "confidence": {"$ref": "#/$defs/Part"},
        "relevance": {"$ref": "#/$defs/Part"},
        "structure": {"$ref": "#/$defs/Part"},
        "actionItems": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("title", "why", "exercise")},
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
                    "quote": {"type": "string"},
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


def measured(transcript, **changes):
    """The facts that Cara's prompt has about a transcript."""
    measures = measure(transcript, duration_seconds=60, feature_type="conversation")
    return Facts({**measures.model_dump(mode="json", by_alias=True, exclude_none=True), **changes})


def answer(schema, transcript, facts=None):
    return SchemaAnswer(schema, Advice(transcript, facts or measured(transcript))).instance()


def passages(transcript, facts=None):
    return Passages(transcript, facts or measured(transcript)).all


def texts(value):
    """All texts of an answer."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts(member)]
    return [text for member in value for text in texts(member)] if isinstance(value, list) else []


def judged(transcript, seconds=60, feature_type="conversation"):
    """The answer to Cara's own prompt, and the measures in it."""
    measures = measure(transcript, duration_seconds=seconds, feature_type=feature_type)
    text = question(read_talk(transcript), measures, [])
    schema = judgement_schema()
    body = {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "generationConfig": {"responseJsonSchema": schema},
    }
    prompt = read_prompt(body)
    return SchemaAnswer(schema, Advice(prompt.transcript, prompt.facts)).instance(), measures


@pytest.mark.parametrize("transcript", [SURE, UNSURE, LABELLED, "Hm", ""])
def test_an_answer_is_valid_under_its_schema_whatever_the_talk(transcript):
    jsonschema.validate(answer(FEEDBACK, transcript), FEEDBACK)


@pytest.mark.parametrize("transcript", [SURE, UNSURE, LABELLED])
def test_every_quote_is_in_the_learners_turns(transcript):
    learner = learner_text(transcript)
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
        {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 3, "maximum": 5}]},
        {"allOf": [{"properties": {"a": SCORE}}, {"required": ["a"]}], "type": "object"},
        {"type": ["string", "null"]},
        {"type": "array", "minItems": 2, "items": {"enum": ["a", "b", "c"]}},
        {"const": 4},
        {"type": "string", "format": "date-time"},
        {"type": "boolean"},
        {"type": "null"},
    ],
)
def test_the_corners_of_json_schema_are_filled_validly(schema):
    jsonschema.validate(answer(schema, SURE), schema)


@pytest.mark.parametrize("bound", [{"maxLength": 7}, {"minLength": 2_000}, {"pattern": "^[0-9]$"}])
def test_bounds_of_a_text_are_ignored_as_gemini_ignores_them(bound):
    schema = {"type": "object", "properties": {"summary": {"type": "string", **bound}}}
    assert answer(schema, SURE) == answer(
        {"type": "object", "properties": {"summary": {"type": "string"}}}, SURE
    )


def test_a_schema_that_contains_itself_comes_to_an_end():
    tree = {
        "$ref": "#/$defs/N",
        "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}},
    }
    jsonschema.validate(answer(tree, SURE), tree)


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_gets_a_valid_answer(text):
    jsonschema.validate(answer(FEEDBACK, text, Facts()), FEEDBACK)


def test_only_the_learners_turns_are_judged():
    text = learner_text(LABELLED)
    assert "quarterly" not in text
    assert "It costs 3.5 million." in split_sentences(text)


def test_the_delimited_transcript_is_found_among_the_instructions():
    text = f'Judge this.\n<transcript lang="en">\n{SURE}\n</transcript>\nBe fair.'
    prompt = read_prompt({"contents": [{"role": "user", "parts": [{"text": text}]}]})
    assert prompt.transcript == SURE


def test_without_delimiters_the_last_user_text_is_the_transcript():
    turns = [("user", "First."), ("model", "Go on."), ("user", "Second thing.")]
    prompt = read_prompt({"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]})
    assert prompt.transcript == "Second thing."


def test_scores_stay_within_bounds():
    text = "um like maybe " * 50
    advice = Advice(text, measured(text))
    assert all(5 <= score <= 98 for score in advice.scores.values())


COUNTS = re.compile(
    r"(?<![\d.])([\d.]+) (fillers?|hedges?|words on average|words a minute)\b|has (\d+) (words)\."
)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_no_text_contradicts_the_measures(sample):
    found, measures = judged(sample.transcript(), sample.duration_seconds, sample.feature_type)
    counted = {
        "filler": measures.fillers.count,
        "hedge": measures.hedges.count,
        "words on average": measures.mean_sentence_words,
        "words a minute": measures.speaking_words_per_minute,
        "words": measures.longest_sentence_words,
    }
    said = [[part for part in count if part] for text in texts(found) for count in COUNTS.findall(text)]
    assert {"words on average", "words a minute"} <= {thing for _, thing in said}
    for number, thing in said:
        name = thing if thing.startswith("words") else thing.rstrip("s")
        assert float(number) == counted[name], (number, thing)
        assert thing.endswith("s") == (number != "1") or thing.startswith("words")
    place = SpokenText(read_talk(sample.transcript()))
    assert all(place.find(highlight["quote"]).text == highlight["quote"] for highlight in found["highlights"])


def test_fillers_and_hedges_are_counted_where_there_are_many():
    found, measures = judged(SAMPLES[1].transcript(), 80, "video")
    assert f"{measures.fillers.count} fillers, most often “um” and “uh”" in found["clarity"]["feedback"]
    found, measures = judged(SAMPLES[2].transcript(), 105, "conversation")
    assert f"{measures.hedges.count} hedges, most often “just” and “maybe”" in found["confidence"]["feedback"]


def test_advice_shows_the_learner_a_better_sentence_of_their_own():
    found, _ = judged(SAMPLES[1].transcript(), 80, "video")
    better = "“We started in March, and it was kind of a big project.”"
    assert better in texts(found["highlights"])[2] + texts(found["highlights"])[5]
    assert better in found["actionItems"][0]["exercise"]
    found, _ = judged(SAMPLES[2].transcript(), 105, "conversation")
    assert found["actionItems"][0]["exercise"].startswith("Say “That is worth more.”, then stop.")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_no_text_comes_twice(sample):
    found, _ = judged(sample.transcript(), sample.duration_seconds, sample.feature_type)
    titles = [item["title"] for item in found["actionItems"]]
    quotes = [highlight["quote"] for highlight in found["highlights"]]
    assert len(titles) == len(set(titles)) == 3
    assert len(quotes) == len(set(quotes)) == 4


def test_without_facts_nothing_is_counted():
    assert not [text for text in texts(answer(FEEDBACK, UNSURE, Facts())) if re.search(r"\d", text)]


def test_what_was_not_counted_is_not_named():
    none = {"fillers": {"count": 0, "byWord": {}}, "hedges": {"count": 0, "phrases": {}}, "repetitions": 0}
    found = passages("Um, maybe, maybe we left. The the end is near.", Facts(none))
    assert not any(one.needless or one.repeated for one in found)
    assert not [
        text for text in texts(answer(FEEDBACK, UNSURE, Facts(none))) if "without “um" in text.lower()
    ]
    (spanish,) = passages("Um, creo que sí.", Facts({"language": "es"}))
    assert spanish.needless == ()


@pytest.mark.parametrize(
    "repeated",
    ["So we looked at the, the numbers.", "We want to, we want to hire two people now.", "We grew. We grew."],
)
def test_what_is_said_twice_is_no_strength(repeated):
    shown = {one.sentence: one.strength for one in passages(f"{SURE} {repeated}", Facts())}
    assert not shown[repeated.split(". ")[0].rstrip(".") + "."]
    assert any(shown.values())


def test_in_a_talk_without_flaws_only_the_longest_sentence_is_to_be_improved():
    shown = passages(SURE)
    assert [one.sentence for one in shown if not one.strength] == [
        "Our tests pass, and the customers renewed."
    ]
    assert len(shown) == 3


@pytest.mark.parametrize(
    ("sentence", "improved"),
    [
        ("I'm going to, uh, talk about it.", "I'm going to talk about it."),
        ("So, um, hi everyone.", "Hi everyone."),
        ("And, um, it was, like, the biggest problem, right?", "And it was the biggest problem."),
        ("Um, then we had to, I mean, we had to fix it.", "Then we had to fix it."),
        ("They were, like... way faster.", "They were way faster."),
        ("I like the new form because it looks like the shop.", None),
    ],
)
def test_an_improved_sentence_leaves_out_what_it_does_not_need(sentence, improved):
    (found,) = passages(sentence, measured(sentence))
    assert found.improved == improved


def test_facts_come_before_every_delimiter():
    facts = read_facts('Measures:\n{"words":3}\n<transcript>\n{"words":9}\n</transcript>')
    assert (facts.number("words"), facts.number("fillers", "count")) == (3, None)
    assert read_facts('Judge.\n<transcript>\n{"words":9}\n</transcript>').members == {}
    assert read_facts('{"words":').members == read_facts("").members == {}


@pytest.mark.parametrize(
    "transcript",
    [
        "Interviewer: Why do you come?\nCandidate: I like the work here.\nInterviewer: Good for you.",
        "**You**: I like the work here.\n**Coach**: Good for you.",
        "[Candidate]: I like the work here.\n[Speaker 2]: Good for you.",
        "WEBVTT\n\n1\n00:01.000 --> 00:02.000\n<v Candidate>I like the work here.</v>\n\n"
        "2\n00:02.000 --> 00:03.000\n<v Bob>Good for you.</v>",
        "1\n00:00:01,000 --> 00:00:02,000\nI like the work here.\n",
        "[00:01] You: [pause] I like the work here.",
    ],
)
def test_quotes_are_the_learners_however_turns_are_told_apart(transcript):
    found, _ = judged(transcript)
    assert {highlight["quote"] for highlight in found["highlights"]} == {"I like the work here."}
    assert SpokenText(read_talk(transcript)).find("I like the work here.") is not None


@pytest.mark.parametrize(
    "text", ["We meet Dr. Gray at 3 p.m. today and go.", "It is No. 5 in the U.S. market."]
)
def test_abbreviations_end_no_sentence(text):
    assert split_sentences(text) == [text]


def test_a_long_quote_ends_with_a_clause():
    quote = passages("We hire, " * 40 + "and go.", Facts())[0].quote
    assert quote.endswith("We hire")
    assert len(quote) <= 200
