"""Text with labels, as tools and people write it, and what is no dialogue."""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cara.transcripts.labeled import read_labeled, read_plain
from cara.transcripts.reading import read_transcript
from cara.transcripts.utterances import Transcript, turns_of

FILES = Path(__file__).parent / "files"
EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text(encoding="utf-8"))
GIVEN = sorted(path.name for path in FILES.glob("*.txt"))

ASKED, ANSWERED, AGAIN, LAST = "Why us?", "Well, um, I like it.", "What else?", "The people."
FOUR = (ASKED, ANSWERED, AGAIN, LAST)


def _turns(transcript: Transcript | None) -> list[tuple[str | None, str]]:
    assert transcript is not None
    return [(turn.speaker, " ".join(turn.text.text.split())) for turn in turns_of(transcript.utterances)]


def _starts(text: str) -> list[float | None]:
    transcript = read_labeled(text)
    assert transcript is not None
    return [utterance.start for utterance in transcript.utterances]


def _assert_offsets_are_exact(text: str, transcript: Transcript) -> None:
    for utterance in transcript.utterances:
        words, offsets = utterance.text
        assert len(offsets) == len(words) + 1
        assert "".join(text[offset] for offset in offsets[:-1]) == words


def _written(name: str) -> str:
    return (FILES / name).read_bytes().decode("utf-8")


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_given_files_are_read(name: str, line_end: str):
    text = "\ufeff" + _written(name).replace("\n", line_end).rstrip()
    transcript = read_labeled(text)
    expected = EXPECTED[name]
    turns = _turns(transcript)
    assert transcript is not None
    _assert_offsets_are_exact(text, transcript)
    if name == "japanese-labels.txt":
        assert list(transcript.speakers) == expected["labels"]
        assert len(turns) == 3
        return
    assert len(turns) == 4
    own = [words for speaker, words in turns if speaker == expected.get("learnerLabel", "Speaker 2")]
    assert own == [
        "Well, um, I moved the night shift, and waiting times fell by a third.",
        "We counted every hour for two months. It was, you know, slow work.",
    ]


def _dialogue(form: str, names: tuple[str, str]) -> str:
    """Writes the four turns in a form, with times of 0, 3, 70 and 75 seconds."""
    times = ("00:00", "00:03", "01:10", "01:15")
    return "\n".join(
        form.format(name=name, words=words, t=time)
        for name, words, time in zip(cycle(names), FOUR, times, strict=False)
    )


@pytest.mark.parametrize(
    "form",
    [
        "[{t}] {name}: {words}",
        "({t}) {name}: {words}",
        "00:{t} {name}: {words}",
        "00:{t}.250 {name}: {words}",
        "{t} - {name}: {words}",
        "[00:{t}] {name}\n{words}\n",
        "00:{t} {name}\n{words}\n",
        "{name} [{t}]: {words}",
        "{name} [00:{t}]\n{words}",
        "{name} ({t}):\n{words}\n",
        "{name} ({t}.21)\n{words}\n",
        "{name}  {t}  \n{words}\n",
        "{name}   {t}\n{words}",
        "{name} - {t}\n{words}\n",
        "{name} | {t}\n{words}\n",
        "{name}, {t}\n{words}\n",
        "{name}: [{t}] {words}",
        "{name}: {t}\n{words}",
        "**{name}** [{t}]\n{words}\n",
        "**{name}:** [{t}] {words}",
        "**[{t}] {name}:** {words}",
        "0:{t}.0 --> 0:{t}.9\n{name}\n{words}\n",
        "00:{t}\n{name}\n{words}\n",
        "{name}\n00:{t}\n{words}\n",
        "[00:{t}.000 --> 00:{t}.900] {name}: {words}",
        "[00:{t} - 00:{t}] {name}: {words}",
        "[00:{t}] [{name}] {words}",
        "{t}\t{name}\t{words}",
        "{name}\t{t}\t{words}",
        "{name} (she/her) [{t}]: {words}",
        "{name} {t}: {words}",
        "**{name}** *00:{t}*\n{words}\n",
        "[00:{t}.12] - {name}\n{words}\n",
        "{t} - {name} (Acme Inc)\n  {words}\n",
        "{t}-{t} {name}: {words}",
        "[{t}] {name} - {words}",
        "[{name} 00:{t}] {words}",
        "({name} {t}) {words}",
        "[00:{t} {name}]: {words}",
        "#00:{t}-1# {name}: {words}",
        "{name}\n0 minutes 3 seconds{t}\n{words}\n",
        "{name}\n0 minutes 3 seconds{t}\n{name} 0 minutes 3 seconds\n{words}\n",
    ],
)
@pytest.mark.parametrize("names", [("Bob Roe", "Ann Lee"), ("Speaker 1", "Speaker 2")])
def test_times_at_labels_are_starts_and_no_words(form: str, names: tuple[str, str]):
    text = _dialogue(form, names)
    assert _turns(read_labeled(text)) == list(zip(cycle(names), FOUR, strict=False))
    assert [int(start or 0) for start in _starts(text)] == [0, 3, 70, 75]


@pytest.mark.parametrize(
    "form",
    [
        "{name}: {words}",
        "{name}：{words}",
        "{name} : {words}",
        "{name}:\n{words}\n",
        "{name}:{words}",
        "**{name}:** {words}",
        "**{name}**: {words}",
        "*{name}*: {words}",
        "__{name}:__ {words}",
        "[{name}]: {words}",
        "[{name}] {words}",
        "- {name}: {words}",
        "> {name}: {words}",
        ">> {name}: {words}",
        "1. {name}: {words}",
        "{name} (Guest) : {words}",
        "{name} (she/her): {words}",
        "{name}\t{words}",
        "  {name}: {words}   ",
        "{name}\xa0:\xa0{words}",
        "\u200e{name}: {words}",
        "[10:00 AM] {name}: {words}",
        "{name}  10:00 AM\n{words}",
        "{name} APP  10:00 AM\n{words}",
        "{name} [10:00 AM]\n{words} (edited)",
        "{name} 10:02\u202fPM\n{words}\n",
        "{name} — Today at 10:00 AM\n{words}",
        "{name} — 05/12/2026 10:00 AM\n{words}",
        "{name}, [12.05.26 10:00]\n{words}\n",
        "{name} (03/04/2026, 09:30 AM)\n{words}\n",
        "12/05/2026, 10:00 - {name}: {words}",
        "5/12/26, 10:00\u202fPM - {name}: {words}",
        "5/12/26, 10:00 p.m. - {name}: {words}",
        "12.05.26, 10:00 - {name}: {words}",
        "2026-05-12, 10:00 - {name}: {words}",
        "[12/05/2026, 10:00] {name}: {words}",
        "[3/4/2026 10:00 AM] {name}: {words}",
        "[3/4 10:00 AM] {name}\n{words}\n",
        "{name} 3/4/2026 10:00 AM\n{words}\n",
        "{name}  Yesterday 10:00 AM\n{words}\n",
        "Mar 04, 2026 10:00 AM (Read by you)\n{name}\n{words}\n",
        "[10:00] <{name}> {words}",
        "<{name}> {words}",
        "({name}) {words}",
        "**{name}** {words}",
        "**{name}**\n{words}\n",
        "### {name}\n{words}\n",
        "## {name}: {words}\n",
        "{name} – {words}",
        "{name} - {words}",
        "{name} | {words}",
        "— {name}: {words}",
        "@{name}: {words}",
        "<b>{name}:</b> {words}",
        "(1) {name}: {words}",
        "{name}: {words} #00:00:03-1#",
        "\u200e[12.05.26, 10:00] {name}: {words}",
        "4/3/26, 9:30 a.\xa0m. - {name}: {words}",
        "04/03/2026 à 09:30 - {name} : {words}",
        "2026/3/4 上午9:30 - {name}: {words}",
        "2026. 3. 4. 오전 9:30 - {name} : {words}",
        "4.3.2026 klo 9.30 - {name}: {words}",
        "2026년 3월 4일 오전 9:30, {name} : {words}",
        "[{name}] [오전 9:30] {words}",
        "{name}, Mon 10:01 AM\n{words}\n",
        "{name} said:\n{words}\n",
        "<p><strong>{name}:</strong>&nbsp;{words}",
    ],
)
@pytest.mark.parametrize(
    "names",
    [
        ("Bob Roe", "Ann Lee"),
        ("Interviewer", "Candidate"),
        ("Dr. Bob O'Neil", "Ann Lee-Smith"),
        ("मोहन", "आन्या"),
    ],
)
def test_labels_without_a_time_of_the_recording(form: str, names: tuple[str, str]):
    text = _dialogue(form, names)
    assert _turns(read_labeled(text)) == list(zip(cycle(names), FOUR, strict=False))
    assert _starts(text) == [None] * 4


@pytest.mark.parametrize(
    "names",
    [
        ("bob", "ann"), ("INTERVIEWER 1", "ANN LEE"), ("I", "B"), ("I", "P1"), ("Q", "A"), ("R", "S1"),
        ("spk_0", "spk_1"), ("SPEAKER_00", "SPEAKER_01"), ("Speaker A", "Speaker B"), ("You", "Coach"),
        ("面接官", "田中"), ("Интервьюер", "Анна"), ("المحاور", "أحمد"), ("interviewer", "candidate"),
        ("Hiring manager", "Me"), ("THE COURT", "MR. SMITH"), ("María José de la Cruz", "Søren"), ("M", "W"),
        ("Entrevistadora", "Élodie D'Arc"), ("ChatGPT", "User"), ("주희", "면접관"), ("A", "B"),
        ("AI", "Human"),
    ],
)  # fmt: skip
def test_names_of_any_script_and_case_are_labels(names: tuple[str, str]):
    text = _dialogue("{name}: {words}", names)
    assert _turns(read_labeled(text)) == list(zip(cycle(names), FOUR, strict=False))


def test_messages_of_whatsapp_have_several_lines_and_the_system_says_nothing():
    text = (
        "[12/05/2026, 09:59:58] Interview: \u200eMessages and calls are end-to-end encrypted. "
        "Only we read them.\r\n"
        "\u200e[12/05/2026, 10:00:01] Bob Roe: Why us?\r\nReally?\r\n"
        "[12/05/2026, 10:00:07] Ann Lee: \u200eimage omitted\r\n"
        "[12/05/2026, 10:01:01] Ann\u202fLee: I like it: all of it.\r\n"
    )
    assert _turns(read_labeled(text)) == [
        ("Bob Roe", "Why us? Really?"),
        ("Ann Lee", "I like it: all of it."),
    ]
    android = (
        "5/12/26, 9:00 AM - Messages and calls are end-to-end encrypted.\n"
        "5/12/26, 9:00 AM - Bob added Ann\n5/12/26, 9:01 AM - +44 7700 900123: <Media omitted>\n"
        "5/12/26, 9:01 AM - +44 7700 900123: Hi.\n5/12/26, 9:02 AM - Ann: Hello.\nSo.\n"
    )
    assert _turns(read_labeled(android)) == [("+44 7700 900123", "Hi."), ("Ann", "Hello. So.")]


def test_chats_of_zoom_name_the_receiver():
    text = (
        "11:02:00 From Ann Lee to Everyone: Hi.\n11:02:09\t From  Bob Roe : Hello.\n"
        "11:03:00 From Ann Lee to Bob Roe(Direct Message):\n\tSecret.\n"
    )
    assert _turns(read_labeled(text)) == [("Ann Lee", "Hi."), ("Bob Roe", "Hello."), ("Ann Lee", "Secret.")]
    assert _starts(text) == [0, 9, 60]


def test_google_meet_writes_times_between_paragraphs_and_a_footer():
    text = (
        "📝 Clinic review\nMar 4, 2026\nClinic review - Transcript\n00:00:00\n \nBob Roe: Why us?\n"
        "Ann Lee: I like it.\n \n00:05:00\n \nAnn Lee: All of it.\nBob Roe: Fine.\n"
        "Transcription ended after 00:07:30\n\nThis editable transcript was computer generated "
        "and might contain errors. People can also change the text after it was created.\n"
    )
    assert _turns(read_labeled(text)) == [
        ("Bob Roe", "Why us?"),
        ("Ann Lee", "I like it. All of it."),
        ("Bob Roe", "Fine."),
    ]


def test_teams_says_who_started_the_transcription():
    text = (
        "Clinic review\nMarch 4, 2026, 9:30AM\n1m 10s\n\nBob Roe started transcription\n\n"
        "Bob Roe   0:03\nWhy us?\n\n"
        "Ann Lee   0:05\nI like it.\n\nBob Roe stopped transcription\n"
    )
    assert _turns(read_labeled(text)) == [("Bob Roe", "Why us?"), ("Ann Lee", "I like it.")]


def test_lines_of_a_court_have_numbers_at_the_margin():
    text = (
        " 1           MR. SMITH:  Thank you.\n 2  BY MR. SMITH:\n 3      Q.  Where were you\n"
        " 4  on that day?\n"
        " 5      A.  At home.\n 6           THE WITNESS:  Asleep.\n 7      Q.  All day?\n 8      A.  Yes.\n"
    )
    assert _turns(read_labeled(text)) == [
        ("MR. SMITH", "Thank you."),
        ("Q", "Where were you on that day?"),
        ("A", "At home."),
        ("THE WITNESS", "Asleep."),
        ("Q", "All day?"),
        ("A", "Yes."),
    ]


def test_questions_and_answers_are_labels_and_so_are_the_capitals_between_them():
    text = "Question: Where?\nAnswer: At home.\nMR. SMITH: Objection.\nQuestion: When?\nAnswer: At noon."
    assert [name for name, _ in _turns(read_labeled(text))] == [
        "Question", "Answer", "MR. SMITH", "Question", "Answer",
    ]  # fmt: skip


def test_a_header_in_sentences_is_no_words_if_known_labels_recur():
    text = (
        "Interview with Ann Lee, head nurse.\nIt was recorded with consent.\n\n"
        "Interviewer: Why?\nAnn: Because.\nInterviewer: So?\nAnn: Yes."
    )
    assert [words for _, words in _turns(read_labeled(text))] == ["Why?", "Because.", "So?", "Yes."]


def test_names_above_the_lines_of_a_play_are_labels_if_they_recur():
    text = (
        "INTERVIEW\n\nBOB\nWhy us?\n\nANN (quietly)\nI like it.\n\nBOB\nWhat?\n\nANN\nAll of it.\nREALLY.\n"
    )
    assert [speaker for speaker, _ in _turns(read_labeled(text))] == ["BOB", "ANN", "BOB", "ANN"]
    assert _turns(read_labeled(text))[-1][1] == "All of it. REALLY."


def test_marks_of_changes_alone_make_guessed_speakers():
    transcript = read_labeled(">> Why us?\n>> I like it.\nAll of it. >> Fine.\n")
    assert transcript is not None
    assert transcript.speakers_guessed
    assert _turns(transcript) == [
        ("Speaker 1", "Why us?"),
        ("Speaker 2", "I like it. All of it."),
        ("Speaker 1", "Fine."),
    ]


def test_lines_without_a_label_belong_to_the_one_before():
    text = "You: one two three\nCoach: four five\nsix\n\nseven\nYou: eight"
    assert _turns(read_labeled(text)) == [
        ("You", "one two three"),
        ("Coach", "four five six seven"),
        ("You", "eight"),
    ]


@pytest.mark.parametrize("label", ["You", "Me", "you", "**You", "[00:12] You", "- Me", "[You]"])
def test_known_labels_make_a_dialogue(label: str):
    text = f"{label}: one two three\nCoach: four five\nsix\n{label}: seven"
    assert [words for _, words in _turns(read_labeled(text))] == ["one two three", "four five six", "seven"]
    assert len(_turns(read_labeled(f"{label}: one\nCoach: two"))) == 2


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("You: here is the plan\nFirst: we hire\nThen: we build\nCoach: fine",
         "here is the plan First: we hire Then: we build"),
        ("You: see this\nURL: it.is\nPros: cheap\nhttps://x.y\nMailto://z\nCoach: fine",
         "see this URL: it.is Pros: cheap https://x.y Mailto://z"),
        ("Ann: I said this:\nFlour: two cups\nSugar: one\nBob: ok\nAnn: So.\nBob: Yes.",
         "I said this: Flour: two cups Sugar: one"),
        ("Ann: See [00:12] Bob: no\nBob: ok\nAnn: Go.\nBob: Yes.", "See Bob: no"),
        ("You: one\nFrom: two\n- Bob: three\nCoach: five", "one From: two - Bob: three"),
        ("You: [0:01] list\nFlour: two\nCoach: [0:09] So.\nYou: [0:12] a", "list Flour: two"),
        ("You: one\n0:0:0.0 --> 0:0:3\nAnn\nhi 0:0:4.0 --> 0:0:5\nBob\nCoach: five", "one Ann hi Bob"),
        ("You: one\nAnn  0:03\ntwo\nBob  0:05\nthree\nCoach: five", None),
        ("You: one\n[Speaker:0] two\n[Speaker:1] three\nQ. four\nA. five\nCoach: five",
         "one [Speaker:0] two [Speaker:1] three Q. four A. five"),
    ],
)  # fmt: skip
def test_lines_of_another_shape_and_names_that_do_not_recur_are_text(text: str, own: str | None):
    turns = _turns(read_labeled(text))
    assert turns[1][0] in {"Coach", "Bob"}
    assert own is None or turns[0][1] == own


def test_one_document_may_write_its_labels_in_several_ways():
    text = (
        "Coach: Why now?\r\n[00:12] You: We need a plan.\n**Coach:** Go on.\n"
        "- You (0:20): So.\nCoach 00:30: Yes."
    )
    assert _turns(read_labeled(text)) == [
        ("Coach", "Why now?"),
        ("You", "We need a plan."),
        ("Coach", "Go on."),
        ("You", "So."),
        ("Coach", "Yes."),
    ]
    assert [name for name, _ in _turns(read_labeled("Speaker:0: Why?\nSpeaker:1: So.\n"))] == [
        "Speaker:0",
        "Speaker:1",
    ]


def test_two_full_names_that_head_all_lines_are_speakers():
    text = "Ann Lee: Why did you come?\nBob Roe: I like it here."
    assert [name for name, _ in _turns(read_labeled(text))] == ["Ann Lee", "Bob Roe"]
    assert read_labeled(text + "\nThat is what we said.\nNothing more was said.") is None


def test_a_short_header_is_no_words():
    text = "Practice call of Monday\nDate: 3 May\nParticipants: Ann, Bob\n\nYou: hello\nCoach: hi"
    assert _turns(read_labeled(text)) == [("You", "hello"), ("Coach", "hi")]


def test_a_name_that_begins_each_paragraph_is_the_only_speaker():
    text = "Ann Lee: We grew.\n\nAnn Lee: We hired.\n\nAnn Lee: We sold."
    assert _turns(read_labeled(text)) == [("Ann Lee", "We grew. We hired. We sold.")]


def test_names_of_many_words_phones_and_guests_are_speakers():
    text = "".join(
        f"{name}   0:0{at}\n{words}\n\n"
        for at, (name, words) in enumerate(
            zip(
                ('Robert "Bob" Roe', "Maria do Carmo de Souza Costa", "+1 415-555-0100", "3M"),
                FOUR,
                strict=True,
            )
        )
    )
    assert len(_turns(read_labeled(text))) == 4
    panel = "Ann: We start.\nBob: Good.\nAnn: So.\nCarl: May I?\nBob: Yes."
    assert _turns(read_labeled(panel))[3] == ("Carl", "May I?")


def test_points_of_a_list_and_times_that_were_said_are_words():
    text = "Coach: Which?\nYou: Three things.\nSpeed: I ship.\nCare: I test.\n10:45 is late.\nCoach: Ok."
    assert _turns(read_labeled(text))[1] == (
        "You", "Three things. Speed: I ship. Care: I test. 10:45 is late."
    )  # fmt: skip


def test_a_told_story_is_no_dialogue():
    assert read_labeled("A man called me.\nCustomer: I paid.\nMe: Oh.\nCustomer: So?\nMe: Fine.") is None


TALK = "We moved the night shift last year. Waiting times fell by a third, and nobody left the ward.\n"


@pytest.mark.parametrize(
    "text",
    [
        "Flour: two cups\nSugar: one cup\nButter: a bit\nMix it all.",
        "Note: we begin.\nPlan: we go on.",
        "Problem: it is slow.\nSolution: we cache.\nProblem: it is dear.\nSolution: we buy less.",
        "The plan is: we hire.\nThe plan is: we build.",
        "See https://example.org and http://example.org.\nhttps://example.org\nhttps://example.com",
        "Time: 10:30\nPlace: Room 4\nTime: 11:30",
        "John 3:16 says so.\nJohn 3:17 goes on.\nMark 1:1 begins.",
        "Dear Ann:\n\nThank you for the time.\n\nYours, Bob\nPS: Call me.",
        "Agenda:\n- Budget: approved\n- Hiring: two people\nDecisions:\n"
        "- Budget: approved again\nActions:\n- Ann: order",
        TALK * 5 + "Me: no idea.\n" + TALK,
        TALK * 5 + "You: no idea.\nCoach: why?\nYou: so.\n",
        "Thank you all.\nAI: it is everywhere.\nWe use it.",
        TALK + "He said it.\nAnn: Hello.\nTom: Hi.\nAnn: Bye.\n" + TALK * 4,
        "We meet at 10:30 and we leave at 11:45.",
        "Breakfast 8:00\nLunch 12:30\nDinner 19:00",
        "[Music] We begin. [pause]\n[Music] We go on.\n[Applause] We end.",
        "[00:00:00.000 --> 00:00:03.200]  We begin here.\n[00:00:03.200 --> 00:00:06.000]  We go on.",
        "0:00\nhello everybody\n0:03\nwelcome back\n0:05\nthank you\n0:07\nthank you\n",
        "00:00:01.000 > 00:00:02 is what it says.",
        "So I quoted it:\n>> once",
        "INTRODUCTION\nWe begin.\n\nRESULTS\nWe grew.\n\nEND\nThanks.",
        "Flour\ttwo cups\nSugar\tone cup\n",
        "We have three goals\nGrowth: more shops\nPeople: more nurses\nGrowth: again more\nThanks.",
        "A. We hire.\nB. We build.\nC. We sell.",
        "Nature: green and wide.\nSky: blue and deep.\nNature: calls me.\nI follow.\nI sleep.\n",
        "Ingredients:\n2 eggs\nMethod:\nBeat the eggs.\nServe:\nAt once.\n",
        "10:00 Welcome: Ann Lee\n10:30 Budget: Bob Roe\n11:00 Discussion: everybody\n",
        "Registration 9:00\nCoffee and tea\nWelcome 9:30\nAnn speaks\nLunch 12:00\nSoup\n",
        "9:00 - Registration\nCoffee\n9:30 - Welcome\nAnn Lee\n10:00 - Talk\nBob Roe\n",
        "9:00 AM\nRegistration\nCoffee and tea.\n9:30 AM\nWelcome\nAnn speaks.\n",
        "0:00 Intro\n1:20 What is yoga\n3:45 Outro\n",
        "Chapters\n0:00 - Intro\n1:20 - Yoga\n3:45 - Outro\n\nWe begin with yoga.\n",
        ("Minutes of 3 May\nPresent: Ann, Bob\nAbsent: Tom\n"
        "Budget: approved.\nHiring: two people.\nBudget: to be sent by Ann.\nClosed at 10:30.\n"),
        "Actions\nAnn: order beds by Monday.\nBob: call the agency.\nTom: write to the board.\n",
        "Ann Lee: nurse\nBob Roe: doctor\nTom Poe: clerk\n",
        "Dear Ms Lee:\n\nThank you for your letter. I write about the post.\n\nYours sincerely:\nBob Roe\n",
        "From: Ann Lee\nTo: Bob Roe\nSubject: Shift\nDate: 3 May\n\nHi Bob,\nwe moved it.\n\nAnn\n",
        ("From: Ann\nSent: Monday\nTo: Bob\nSubject: x\n"
        "\nHi.\n\nFrom: Bob\nSent: Tuesday\nTo: Ann\nSubject: RE: x\n\nHello.\n"),
        "On Monday, Ann wrote:\n> We move it.\n> Fine?\n\nYes.\n",
        ("def f(x):\n    if x:\n        return 1\n"
        "    else:\n        return 2\ntry:\n    f(1)\nexcept:\n    pass\n"),
        "try:\n    f(1)\nexcept:\n    pass\ntry:\n    g(2)\nexcept:\n    pass\n",
        "name: ann\nage: 3\nname: bob\nage: 4\n",
        "- city: york\n  size: big\n- city: bath\n  size: small\n",
        "color: red;\nmargin: 0;\ncolor: blue;\nmargin: 1px;\n",
        "2026-05-12 10:00:00 INFO: started\n2026-05-12 10:00:01 ERROR: failed\n",
        "- Buy: milk and bread\n- Call: the doctor\n- Write: the letter\n",
        "1: We hire two people.\n2: We build the ward.\n3: We sell the rest.\n",
        "FAQ\n\nQ: What do we do?\nA: We run a clinic for everybody.\n",
        "Genesis 1:1: In the beginning.\nGenesis 1:2: And the earth.\nGenesis 1:3: And God said.\n",
        "Triage: sorting of patients by need.\nWard: a room for them.\nShift: the hours of work.\n",
        "Bass – the lowest voice.\nTenor – a high voice of men.\nAlto – a low voice of women.\n",
        "My mother said: go home.\nMy father said: stay here.\nMy mother said: no.\nI went.\n",
        "Mother said: go home.\nFather said: stay.\nMother said: no.\nFather said: yes.\n",
        "Einstein once wrote: be simple.\nThen he added: not simpler.\nEinstein was right.\n",
        "GOALS\nGrow by a third\n\nRISKS\nNo nurses\n\nGOALS AGAIN\nGrow\n",
        "**Goals**\nGrow by a third\n\n**Risks**\nNo nurses\n\n**Next**\nHire\n",
        "# Goals\nWe grow.\n## Risks\nNo nurses.\n# Next\nWe hire.\n",
        "**Growth** is our goal.\n**People** are our risk.\n**Growth** needs people.\n",
        "**Speed:** we are quick.\n**Cost:** we are cheap.\n**Care:** we listen.\n",
        "(a) We hire.\n(b) We build.\n(a) We sell.\n",
        "(Laughs) I said so.\n(Pause) Then I went.\n(Laughs) Fine.\n",
        "Tea: 2.50\nCoffee: 3.00\nTea: 2.60 large\nCoffee: 3.20 large\n",
        "Home: 2\nAway: 1\nHome: 3\nAway: 1\n",
        "Monday - gym\nTuesday - rest\nMonday - gym\nTuesday - run\n",
        "Name\tAge\nAnn\t3\nBob\t4\n",
        "Ann Lee - 555 1234\nBob Roe - 555 9876\n",
        "Speed - we are quick - matters.\nWe said it - and meant it.\nSpeed - again - matters.\n",
        "<p> We hire.\n<li> We build.\n<p> We sell.\n<div> We go.\n",
        ("Pros: it is quick to do.\nCons: it is dear to buy.\n"
        "Pros: it lasts for years.\nCons: it is ugly to see.\n"),
        "Step 1: we count.\nStep 2: we move.\nStep 3: we count again.\n",
        "Q1: What is it?\nIt is a clinic.\nQ2: Where?\nIn York.\n",
        ("Growth: more shops for all.\nPeople: more nurses for all.\n"
        "Growth: again more.\nAnd this is what I wanted to say today.\nThank you all.\n"),
        "Tip: breathe.\nTip: smile.\nTip: slow down.\n",
        "x: the speed of it.\ny: the height of it.\n",
        "10:00 we began the talk.\n10:30 we stopped it.\n11:00 we left for lunch.\n",
        "John 3:16\nFor God so loved the world.\nJohn 3:17\nFor God did not send him.\n",
        ("Flour: two cups of it.\nSugar: one cup.\nFlour: sift it first, then add the rest.\n"
        "Then I mix all of it and bake the cake.\n"),
        "O Rose thou art sick.\nThe invisible worm,\nIn the howling storm:\nHas found out thy bed.\n",
        "", " \n\t", "\ufeff", ":", "::\n::", "Ann", "Ann:", "Ann:\nBob:\nAnn:",
    ],
)  # fmt: skip
def test_what_is_no_dialogue_is_one_talk(text: str):
    assert read_labeled(text) is None
    _assert_offsets_are_exact(text, read_plain(text))


def test_times_inside_are_no_words_but_a_time_of_the_day_is():
    plain = read_plain(
        "[00:12] We begin (0:15) here.\n0:20 We meet at 10:30 today.\n00:01:02.5 So <0:30> be it."
    )
    assert (
        " ".join(plain.utterances[0].text.text.split()) == "We begin here. We meet at 10:30 today. So be it."
    )
    text = "You: [00:12] We begin at 9:30.\n0:15 So.\nCoach: 00:01:02 Fine (00:20)."
    assert _turns(read_labeled(text)) == [("You", "We begin at 9:30. So."), ("Coach", "Fine .")]


def test_the_footer_of_a_tool_is_no_words():
    plain = read_plain(
        "We begin here.\nTranscribed by hand, it took a day.\n\nTranscribed by https://otter.example\n"
    )
    assert plain.utterances[0].text.text == "We begin here.\nTranscribed by hand, it took a day."


@pytest.mark.parametrize(
    "footer",
    [
        "Transcribed by https://otter.example",
        "Transcribed by TurboScribe.ai. Go Unlimited to remove this message.",
        "Subtitles by the Amara.org community",
        "Automatically transcribed by Sonix",
        "This transcript was generated by Otter.ai",
        "Untertitel der Amara.org-Community",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Transcrito por TurboScribe.ai",
        "文字起こし：https://example.com",
    ],
)
def test_what_names_a_service_is_a_footer_even_alone(footer: str):
    assert read_plain(f"We begin here.\n\n{footer}\n").utterances[0].text.text == "We begin here."
    assert read_plain(footer).utterances[0].text.text == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "This was transcribed by my sister.",
        "Captions from Zoom are great.",
        "The notes are at example.com.",
        "End of interview.",
        "It was recorded by my brother on Zoom and we liked it.",
    ],
)
def test_a_last_sentence_about_a_transcript_is_said(sentence: str):
    assert read_plain(sentence).utterances[0].text.text == sentence


def test_ranges_of_times_at_the_lines_of_a_talk_are_kept():
    text = "[00:00:00.000 --> 00:00:03.200]  We begin here.\n[00:00:03.200 --> 00:01:06.000]  We go on.\n"
    said = [(each.text.text, each.start, each.end) for each in read_plain(text).utterances]
    assert said == [("We begin here.", 0.0, 3.2), ("We go on.", 3.2, 66.0)]


def test_times_that_fall_are_no_starts():
    text = "[00:30] Ann: One.\n[00:10] Bob: Two.\n[00:20] Ann: Three."
    assert _starts(text) == [None] * 3
    (note,) = read_transcript(text).notes
    assert "begin anew or go back" in note
    assert not read_transcript(text.replace("00:30", "00:05")).notes


@pytest.mark.parametrize(
    ("first", "second", "starts"),
    [
        ("1:59:58", "2:00:03", [7_198, 7_203]),
        ("05:59:59", "06:00:03", [21_599, 21_603]),
        ("14:03:22", "14:03:30", [0, 8]),
        ("1:59:58 PM", "2:00:03 PM", [0, 5]),
    ],
)
def test_hours_are_those_of_a_recording_unless_they_are_late(first: str, second: str, starts: list[float]):
    assert _starts(f"[{first}] Ann: One.\n[{second}] Bob: Two.\n") == starts


@given(st.text(alphabet="AaBo:：\n\r\t .[]()<>*-01QÉ田\u0301\u200e\xa0", max_size=60))
def test_any_text_is_read_with_exact_offsets(text: str):
    for transcript in (read_labeled(text), read_plain(text)):
        if transcript is not None:
            _assert_offsets_are_exact(text, transcript)


@given(st.integers(0, 3_000), st.sampled_from(["\n", "\r\n", "\n\n", "\r"]), st.integers(1, 60))
def test_other_times_and_line_ends_change_no_words(shift: int, line_end: str, step: int):
    moments = [shift + step * turn for turn in range(4)]
    lines = [
        f"[{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}] {name}: {words}"
        for at, name, words in zip(moments, cycle(("Bob", "Ann")), FOUR, strict=False)
    ]
    assert _turns(read_labeled(line_end.join(lines))) == list(zip(cycle(("Bob", "Ann")), FOUR, strict=False))
