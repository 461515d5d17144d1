"""Answers under a schema: valid, and made of the talk that was sent."""

import re

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cara.devtools.emulator.facts import Facts, facts_in
from cara.devtools.emulator.prompt import read_prompt
from cara.devtools.emulator.schema_answers import SchemaAnswer
from cara.devtools.emulator.talk import Talk, learner_talk
from cara.feedback.assessment.grounding import Transcript
from cara.feedback.assessment.judgement import judgement_schema
from cara.feedback.assessment.prompt import question
from cara.samples import SAMPLES
from cara.speech import measure

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


def answer(schema, transcript, **counted):
    return SchemaAnswer(schema, learner_talk(transcript, Facts(counted))).instance()


def texts(value):
    """All that an answer says in words."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts(member)]
    return [text for member in value for text in texts(member)] if isinstance(value, list) else []


def judged(transcript, seconds=60, feature_type="conversation"):
    """The answer to Cara's own question, and the measures in it."""
    measures = measure(transcript, duration_seconds=seconds, feature_type=feature_type)
    text = question(transcript, measures, [])
    schema = judgement_schema()
    body = {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "generationConfig": {"responseJsonSchema": schema},
    }
    prompt = read_prompt(body)
    return SchemaAnswer(schema, learner_talk(prompt.transcript, prompt.facts)).instance(), measures


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


COUNTS = re.compile(r"(?<![\d.])(\d+|No) (sentences?|fillers?|hedges?|questions?|phrases? of commitment)\b")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_no_text_contradicts_the_measures(sample):
    found, measures = judged(sample.transcript(), sample.duration_seconds, sample.feature_type)
    counted = {
        "filler": measures.fillers.count,
        "hedge": measures.hedges.count,
        "phrase of commitment": measures.assertives.count,
    }
    said = [count for text in texts(found) for count in COUNTS.findall(text)]
    assert {thing.replace("phrases", "phrase").rstrip("s") for _, thing in said} == set(counted)
    for number, thing in said:
        assert counted[thing.replace("phrases", "phrase").rstrip("s")] == int(number.replace("No", "0"))
        assert thing.startswith(("fillers", "hedges", "phrases")) == (number != "1")
    assert f"A sentence has {measures.mean_sentence_words:g} words" in found["clarity"]["feedback"]
    assert f"{measures.speaking_words_per_minute:g} words a minute" in found["pace"]["feedback"]
    place = Transcript(sample.transcript())
    assert all(place.find(highlight["quote"]).text == highlight["quote"] for highlight in found["highlights"])


def test_without_facts_nothing_is_counted():
    assert not [text for text in texts(answer(FEEDBACK, UNSURE)) if re.search(r"\d", text)]


def test_what_was_not_counted_is_not_named():
    none = {"fillers": {"count": 0, "byWord": {}}, "hedges": {"count": 0, "phrases": {}}, "repetitions": 0}
    talk = learner_talk("Um, maybe, maybe we left. The the end is near.", Facts(none))
    assert all(focus.strength or talk.sentences[0] == focus.sentence for focus in talk.focuses)
    assert not [text for text in texts(answer(FEEDBACK, UNSURE, **none)) if "“um" in text.lower()[:5]]
    spanish = Talk("Um, creo que sí.", Facts({"language": "es"}))
    assert spanish.fillers_in(spanish.text) == spanish.hedges_in(spanish.text) == []


@pytest.mark.parametrize(
    "repeated",
    ["So we looked at the, the numbers.", "We want to, we want to hire two people now.", "We grew. We grew."],
)
def test_what_is_said_twice_is_no_strength(repeated):
    shown = {focus.sentence: focus.strength for focus in learner_talk(f"{SURE} {repeated}").focuses}
    assert not shown[repeated.split(". ")[0].rstrip(".") + "."]
    assert any(shown.values())


def test_a_plain_sentence_is_not_blamed_but_the_longest():
    shown = learner_talk(SURE).focuses
    assert [focus.sentence for focus in shown if not focus.strength] == [
        "Our tests pass, and the customers renewed."
    ]
    assert len(shown) == 3


@pytest.mark.parametrize(
    ("transcript", "topics"),
    [
        ("Basically, basically we just, like, really sell bread. Bread is what we sell.", ["bread"]),
        ("I guess maybe, perhaps, possibly, probably.", []),
        ("我们今天讨论计划。", []),
    ],
)
def test_no_filler_hedge_or_stop_word_is_a_topic(transcript, topics):
    assert Talk(transcript).topics[:1] == topics


def test_facts_come_before_every_fence():
    facts = facts_in('Measures:\n{"words":3}\n<transcript>\n{"words":9}\n</transcript>')
    assert (facts.number("words"), facts.number("fillers", "count")) == (3, None)
    assert facts_in('Judge.\n<transcript>\n{"words":9}\n</transcript>').members == {}
    assert facts_in('{"words":').members == facts_in("").members == {}


@pytest.mark.parametrize(
    "transcript",
    [
        "Interviewer: Why do you come?\nCandidate: I like the work here.\nInterviewer: Good for you.",
        "**You**: I like the work here.\n**Coach**: Good for you.",
        "[Speaker 1]: I like the work here.\n[Speaker 2]: Good for you.",
        "WEBVTT\n\n1\n00:01.000 --> 00:02.000\n<v Ann>I like the work here.</v>\n\n"
        "2\n00:02.000 --> 00:03.000\n<v Bob>Good for you.</v>",
        "1\n00:00:01,000 --> 00:00:02,000\nI like the work here.\n",
        "[00:01] You: [pause] I like the work here.",
    ],
)
def test_quotes_are_the_learners_however_turns_are_told_apart(transcript):
    found, _ = judged(transcript)
    assert {highlight["quote"] for highlight in found["highlights"]} == {"I like the work here."}
    assert Transcript(transcript).find("I like the work here.") is not None


@pytest.mark.parametrize(
    "text", ["We meet Dr. Gray at 3 p.m. today and go.", "It is No. 5 in the U.S. market."]
)
def test_abbreviations_end_no_sentence(text):
    assert Talk(text).sentences == [text]


def test_a_long_quote_ends_with_a_clause():
    quote = learner_talk("We hire, " * 40 + "and go.").focuses[0].quote
    assert quote.endswith("We hire")
    assert len(quote) <= 200
