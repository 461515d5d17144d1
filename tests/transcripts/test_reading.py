"""The entry of the room: what it does for all readers, and what utterances are cleaned of."""

from __future__ import annotations

import pytest

from cara.transcripts.cleaning import MAX_LABEL_CHARACTERS, cleaned
from cara.transcripts.mapped_text import MappedText
from cara.transcripts.reading import MAX_LINES, read_transcript
from cara.transcripts.utterances import (
    TimedWord,
    Transcript,
    TranscriptFormat,
    Turn,
    UnreadableTranscript,
    Utterance,
    turns_of,
)
from cara.web.tags import MarkupBudget

TALK = "You: I like <b>R&D</b>, a < b, &lt;i&gt;really&lt;/i&gt; <3 <laughs>.\x15\r\nCoach: Why\x07?"


def test_utterances_are_cleaned_and_lead_back_into_what_was_sent() -> None:
    own, coachs = read_transcript(TALK).utterances
    assert own.text.text == "I like R&D, a < b, really <3 <laughs>."
    for phrase in ("I like", "a < b", "<3 <laughs>.", "<laughs>"):
        at = own.text.text.index(phrase)
        start, end = own.text.span(at, at + len(phrase))
        assert TALK[start:end].startswith(phrase.split()[0])
    assert own.text.span(0, len(own.text.text)) == (5, TALK.index("\x15"))
    assert coachs.text.text == "Why?"


def test_labels_are_cleaned_cut_and_none_when_nothing_is_left() -> None:
    labels = ["<b>Ann</b> Lee\x07", "x" * 150, "<i></i>", "", None]
    said = tuple(Utterance(MappedText.whole("Yes."), label) for label in labels)
    speakers = [each.speaker for each in cleaned(Transcript("webvtt", said)).utterances]
    assert speakers == ["Ann Lee", "x" * MAX_LABEL_CHARACTERS, None, None, None]


def test_words_are_cleaned_like_the_text_and_blank_ones_go() -> None:
    words = (TimedWord("<b>Yes</b>", 0, 1), TimedWord("<i>", 1, 1), TimedWord("R&D", 1, 2))
    said = Utterance(MappedText.whole("Yes R&D"), None, 0, 2, words)
    (kept,) = cleaned(Transcript("whisper", (said,))).utterances
    assert [word.text for word in kept.words] == ["Yes", "R&D"]


def test_what_needs_no_cleaning_stays_the_same_and_costs_nothing() -> None:
    budget = MarkupBudget(0)
    transcript = read_transcript("You: Good morning.\nCoach: Hello!", budget=budget)
    assert budget.left == 0
    assert cleaned(transcript, budget).utterances == transcript.utterances


def test_more_markup_than_the_budget_allows_makes_a_transcript_unreadable() -> None:
    talk = f"You: {'<b>yes</b> ' * 100}\nCoach: Good."
    assert read_transcript(talk).utterances[0].text.text.split() == ["yes"] * 100
    with pytest.raises(UnreadableTranscript, match="more markup"):
        read_transcript(talk, budget=MarkupBudget(20))


@pytest.mark.parametrize("blank", ["", " \r\n\t", "\ufeff", "\ufeff \n"])
def test_a_blank_text_has_no_utterances(blank: str) -> None:
    assert read_transcript(blank) == Transcript("plain", ())
    assert read_transcript(blank, "webvtt") == Transcript("webvtt", ())


def test_a_byte_order_mark_is_no_part_of_what_was_said() -> None:
    sent = "\ufeffYou: Good morning.\nCoach: Hello!"
    own, coachs = read_transcript(sent).utterances
    assert (own.speaker, own.text.text) == ("You", "Good morning.")
    assert [sent[slice(*each.text.span(0, 5))] for each in (own, coachs)] == ["Good ", "Hello"]


def test_a_text_that_has_not_the_format_that_it_is_said_to_have_is_refused() -> None:
    with pytest.raises(UnreadableTranscript, match="is not readable as webvtt"):
        read_transcript("Good morning.", "webvtt")


def test_the_time_of_a_talk_is_what_the_source_states_or_what_its_times_span() -> None:
    def said(start: float | None, end: float | None) -> Utterance:
        return Utterance(MappedText.whole("Yes."), None, start, end)

    timed = (said(None, None), said(2, 3), said(4.5, 6), said(5, None))
    assert Transcript("webvtt", timed).known_seconds == 4
    stated = {60.0: 60, 5.2: 5.2, 4.9: 4, 0.1: 4, 86_400.0: 86_400, 86_401.0: 4, 9e6: 4}
    known = {seconds: Transcript("webvtt", timed, seconds).known_seconds for seconds in stated}
    assert known == stated
    assert Transcript("webvtt", (said(0, 86_401),)).known_seconds is None
    assert Transcript("webvtt", timed[:1]).known_seconds is None


def test_neighboring_utterances_of_one_speaker_are_one_turn_and_silent_ones_are_none() -> None:
    sent = "Ann: one\nann: two\nBob:  \nANN: three"
    parts = [("Ann", 5, 8), ("ann", 14, 17), ("Bob", 22, 24), ("ANN", 30, 35)]
    utterances = [Utterance(MappedText.part(sent, start, end), label) for label, start, end in parts]
    (turn,) = turns_of(utterances)
    assert (turn.speaker, turn.text.text) == ("Ann", "one\ntwo\nthree")
    assert turn == Turn("Ann", (utterances[0], utterances[1], utterances[3]))
    assert sent[slice(*turn.text.span(8, 13))] == "three"


@pytest.mark.parametrize("talk", ["[[[[ we moved it", "{{{ we moved it", "[" * 5_000 + ' "so" we moved it'])
def test_a_talk_that_begins_with_brackets_is_text(talk: str) -> None:
    transcript = read_transcript(talk)
    assert (transcript.format, transcript.utterances[0].text.text) == ("plain", talk)


@pytest.mark.parametrize("text", ["[" * 5_000 + "]" * 5_000, '{"a":' * 5_000])
def test_json_with_too_many_levels_is_refused(text: str) -> None:
    with pytest.raises(UnreadableTranscript, match="too many levels"):
        read_transcript(text)


@pytest.mark.parametrize("format", [None, "labeled"])
def test_more_lines_than_anybody_speaks_are_refused_and_blank_ones_are_no_lines(
    format: TranscriptFormat | None,
) -> None:
    most = "You: a\n\nMe: b\n\n" * (MAX_LINES // 2)
    assert len(read_transcript(most, format).utterances) == MAX_LINES
    with pytest.raises(UnreadableTranscript, match="more than 20,000 lines"):
        read_transcript(f"{most}You: a\n", format)


@pytest.mark.parametrize(
    "head", ["", "WEBVTT\n\n00:01.000 --> 00:02.000\n", "1\n00:00:01,000 --> 00:00:02,000\n"]
)
def test_character_references_are_decoded_once(head: str):
    sent = f"{head}R&amp;D&nbsp;&#39;is&#x27; &quot;it&quot;&hellip; &amp;lt; &amp;amp;"
    assert read_transcript(sent).utterances[0].text.text.replace("\xa0", " ") == "R&D 'is' \"it\"… &lt; &amp;"


def test_the_credit_at_the_end_of_json_is_nobodys():
    first, last = '{"start": 0, "end": 1, "text": " Hello."}', '{"start": 1, "end": 2, "text": " %s"}'
    sent = f'{{"text": "", "segments": [{first}, {last}]}}'
    said = [each.text.text for each in read_transcript(sent % "Transcribed by https://otter.ai").utterances]
    assert said == ["Hello."]
    assert len(read_transcript(sent % "It was transcribed by my sister.").utterances) == 2
