"""How an answer in JSON is found in the text of a model, and when it is complete."""

import pytest

from cara.gemini.answers import AnswerInProgress
from cara.gemini.calls import GeminiCall
from cara.gemini.errors import (
    ContentBlocked,
    GeminiBadAnswer,
    GeminiInterrupted,
    GeminiRecitation,
    GeminiUnavailable,
    LanguageUnsupported,
)
from cara.gemini.json_objects import find_json_object
from cara.gemini.responses import ResponseChunk
from cara.gemini.translation import accept_finished, translate_errors
from tests.growth import grows_linearly


def begun(schema):
    progress = AnswerInProgress(GeminiCall("", [], 500, response_schema=schema))
    progress.send()
    return progress


ANY_TEXTS = {"type": "object", "additionalProperties": {"type": ["string", "array"]}}


def json_answer(text, schema=ANY_TEXTS):
    progress = begun(schema)
    progress.add(ResponseChunk(text=text, finish_reason="STOP"))
    return progress.finish()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (r'{"summary": "We\u0000 spoke"}', {"summary": "We spoke"}),
        (
            r'{"sum\u0000mary": ["half \uD83d", {"deep": "\udE00 too"}]}',
            {"summary": ["half ?", {"deep": "? too"}]},
        ),
        (r'{"whole": "\ud83d\ude00", "written": "\\u0000"}', {"whole": "😀", "written": r"\u0000"}),
    ],
)
def test_escapes_of_unstorable_characters_are_stripped(written, said):
    assert json_answer(written).data == said


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}```",
        "Here you are:\n\n{}\n\nI hope that it helps {{a lot}}.",
        "With {{care}} I judged:\n{}",
        "Here is the {{JSON}} that you want: {}",
        "{{}}\n{}",
        "{}\nHere I used the form {{",
        '{}\n\n{{"a": {{"b": "line',
        '{{"a": "draft"}}\n{}\n{{"a": {{"b"',
        "Sure, ```json {} ```",
        "[{}]",
    ],
)
def test_an_object_is_found_whatever_stands_around_it(around):
    written = '{"a": {"b": "line\none"}, "c": [{"d": 1}]}'
    assert json_answer(around.format(written)).data == {"a": {"b": "line\none"}, "c": [{"d": 1}]}


@pytest.mark.parametrize(
    "written",
    [
        '{"a":\n{"b": 1},\n"c":\n[\n{"d": 2},',
        '{"plan": 1}\n{"a": {"b": 1}, "c": "un',
        '{"a": {"b": 1}, "c": [',
        '```json\n{"a": {"b": 1},',
        '```json\n{"a": {"b": 1},\n```',
        "No.",
        "[1]",
    ],
)
def test_a_part_of_an_object_is_none(written):
    with pytest.raises(GeminiBadAnswer) as bad:
        json_answer(written)
    assert bad.value.reason == "not_json"


def test_complete_json_is_an_answer_although_the_output_limit_was_reached():
    progress = begun({})
    progress.add(ResponseChunk(text='{"a": 1}', finish_reason="MAX_TOKENS"))
    assert progress.finish().data == {"a": 1}
    assert progress.finish().truncated


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{"a": 1, "b": 2}\n{"c": 3}', {"a": 1, "b": 2, "c": 3}),
        ('{"a": 1, "b": 2}\n{"b": 4, "c": 3}', {"a": 1, "b": 2, "c": 3}),
        ('{"a": 1, "b": 2}\n{"b": 4, "a": 3}', {"a": 3, "b": 4}),
        ('<think>{"plan": 1}</think>{"a": 1}', {"plan": 1, "a": 1}),
        ('{"a": 1, "b": 2}\n{"a": 3, "b":             ', {"a": 1, "b": 2}),
    ],
)
def test_several_objects_are_one_answer_and_a_repeated_one_replaces_the_first(written, said):
    assert json_answer(written).data == said


def test_an_integer_without_end_is_clamped_and_the_rest_is_read():
    data = json_answer('{"a": ' + "9" * 5_000 + ', "b": -' + "9" * 5_000 + ', "c": 70}', schema={}).data
    assert data == {"a": 2**63 - 1, "b": 1 - 2**63, "c": 70}


@pytest.mark.parametrize(
    "text",
    ["{x " * 40_000, ('{"k":{' + '"a":1,' * 20 + "x") * 8_000, '{"a":1}' * 40_000, '{"a":[' * 40_000],
    ids=["braces", "objects", "whole", "deep"],
)
def test_looking_for_an_object_takes_time_for_the_length_of_the_text(text):
    assert grows_linearly(find_json_object, text)


def test_a_judgement_after_many_braces_is_found_at_the_start_of_a_line():
    assert json_answer("{x } " * 1_000 + '\n  {"a": 1}').data == {"a": 1}


@pytest.mark.parametrize("reason", [None, "OTHER", "MALFORMED_RESPONSE", "NEW_REASON"])
@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```\n", "Here it is: {}\n"])
def test_json_that_is_complete_is_an_answer_whatever_is_said_of_its_end(reason, around):
    progress = begun({})
    progress.add(ResponseChunk(text=around.format('{"a": {"b": 1}}'), finish_reason=reason))
    answer = progress.finish()
    assert (answer.data, answer.truncated) == ({"a": {"b": 1}}, False)


@pytest.mark.parametrize("text", ['{"a": {"b": 1}', '{"a": 1}\nI also', "", "}", "We {grew}"])
def test_json_that_is_not_complete_is_none_without_a_reason_for_its_end(text):
    progress = begun({})
    progress.add(ResponseChunk(text=text))
    with pytest.raises(GeminiBadAnswer) as bad:
        progress.finish()
    assert bad.value.reason == "cut"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("SAFETY", ContentBlocked), ("RECITATION", GeminiRecitation), ("LANGUAGE", LanguageUnsupported)],
)
def test_a_refusal_holds_although_the_json_is_complete(reason, kind):
    progress = begun({})
    progress.add(ResponseChunk(text='{"a": 1}', finish_reason=reason))
    with pytest.raises(kind):
        progress.finish()


async def fails_with(failure, progress):
    async with translate_errors(progress), accept_finished(progress):
        raise failure


@pytest.mark.parametrize(
    "failure", [TimeoutError(), OSError("reset"), GeminiUnavailable(), ValueError("junk")]
)
async def test_what_goes_wrong_after_complete_json_takes_nothing_away(failure):
    progress = begun({})
    progress.add(ResponseChunk(text='{"a": 1}'))
    await fails_with(failure, progress)
    assert progress.finish().data == {"a": 1}


@pytest.mark.parametrize(("schema", "text"), [({}, '{"a": 1'), (None, '{"a": 1}')])
async def test_a_connection_that_breaks_within_an_answer_is_a_failure(schema, text):
    progress = begun(schema)
    progress.add(ResponseChunk(text=text))
    with pytest.raises(GeminiInterrupted):
        await fails_with(OSError("reset"), progress)


def test_json_that_is_too_deep_is_a_bad_answer_whatever_the_parser_says():
    with pytest.raises(GeminiBadAnswer) as bad:
        json_answer('{"a":' * 100_000 + "}" * 100_000, schema={})
    assert bad.value.reason == "not_json"
