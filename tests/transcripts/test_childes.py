"""CHAT: what was spoken, by whom and when; notation, headers and dependent tiers are no words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cara.transcripts.childes import read_cha
from cara.transcripts.speakers import LearnerUnknown
from cara.transcripts.talk import read_talk, spoken_seconds
from cara.transcripts.utterances import Transcript
from tests.growth import grows_linearly

FILES = Path(__file__).parent / "files"
EXPECTED = json.loads((FILES.parent / "expected.json").read_text())
CHILDES = (FILES / "childes.cha").read_text()
HEAD = "@UTF8\n@Begin\n@Participants:\tPAR Participant, INV Investigator\n"


def _read(text: str) -> Transcript:
    transcript = read_cha(text)
    assert transcript is not None
    return transcript


def _said(tier: str) -> str:
    """Returns what was spoken in a main tier, whose letters stand where the offsets say."""
    transcript = _read(f"{HEAD}*PAR:\t{tier}\n@End\n")
    _assert_offsets(f"{HEAD}*PAR:\t{tier}\n@End\n", transcript)
    return "\n".join(utterance.text.text for utterance in transcript.utterances)


def _assert_offsets(text: str, transcript: Transcript) -> None:
    for utterance in transcript.utterances:
        spoken, offsets = utterance.text
        assert len(offsets) == len(spoken) + 1
        assert offsets == sorted(offsets)
        marks = re.finditer(r"\[(?:pause|unintelligible)\]", spoken)
        made = {index for mark in marks for index in range(*mark.span())}
        for index, character in enumerate(spoken):
            assert not character.isalpha() or index in made or text[offsets[index]] == character


def test_the_file_of_the_format_has_the_expected_values():
    expected = EXPECTED["childes.cha"]
    talk = read_talk(CHILDES, learner_label=expected["learnerLabel"])
    own = [turn.text.text for turn in talk.own]
    assert own == [
        "Well um I moved the night shift and waiting times fell by a third.",
        "We counted every hour for two months. It was, you know, slow work.",
    ]
    assert len(talk.transcript.speakers) == expected["speakers"]
    assert len(" ".join(own).split()) == expected["learner"]["words"]
    assert sum(len(turn.text.text.split()) for turn in talk.others) == expected["other"]["words"]
    assert sum(turn.text.text.count("?") for turn in talk.others) == expected["other"]["questions"]
    assert spoken_seconds(talk.own) == 11.6
    assert spoken_seconds(talk.others) == 4.7
    _assert_offsets(CHILDES, talk.transcript)


def test_a_participant_is_asked_for_beside_an_investigator():
    with pytest.raises(LearnerUnknown):
        read_talk(CHILDES)
    assert read_talk(CHILDES, learner_label="PAR").learners == {"par"}


@pytest.mark.parametrize(
    ("tier", "spoken"),
    [
        ("I [/] I want <the big> [//] the small one .", "I I want the big the small one."),
        ("<<happy and> [?]> [>] sad [<1] .", "happy and sad."),
        ("male [: female] [* s:r] [/] male [:: female] came [+ gram] .", "male male came."),
        ("we [=! whispers] go [= the team] now [% quickly] [x 3] [e] [!!] [^ points] .", "we go now."),
        ("[- spa] quiero agua@s:spa con b@l y wug@wp:x .", "quiero agua con b y wug."),
        ("so &-um it &uh works .", "so um it uh works."),
        (
            "&-well it was &-you_know &-like &-um slow &-you_know .",
            "well, it was, you know, like, um slow, you know.",
        ),
        ("it is , &-well , <&-sort_of> [/] old &-right ?", "it is, well, sort of old, right?"),
        ("&+w &+wa we went &~baba home .", "w- wa- we went baba- home."),
        (
            "&=laughs that is &=clears:throat funny &=cough .",
            "[laughs] that is [clears throat] funny [cough].",
        ),
        (
            "I (.) want (..) a (...) big (1.5) red (2:03.4) ball # now .",
            "I [pause] want [pause] a [pause] big [pause] red [pause] ball [pause] now.",
        ),
        (
            "so xxx and yyy or www , xxl wow .",
            "so [unintelligible] and [unintelligible] or [unintelligible], xxl wow.",
        ),
        ("he 0is 0aux going 0 .", "he going."),
        ("she said “xxx ice” .", "she said “[unintelligible] ice”."),
        ("(be)cause I do(n't) kno(w) (really) .", "cause I do kno (really)."),
        ("ice+cream and New_York are merry-go-round .", "ice cream and New York are merry-go-round."),
        ("no:: I do:n't ˈwa:nt o^kay af~gedroog ba↑na:na .", "no I don't want okay afgedroog banana."),
        ("well , I think ‡ so „ right ?", "well, I think, so, right?"),
        ("+< and then what +...", "and then what…"),
        ('+" +^ please ++ go +/.', "please go—"),
        ("what were you +//?", "what were you—?"),
        ("anything or +..?", "anything or…?"),
        ('the bear said +"/.', "the bear said:"),
        ('so he said +".', "so he said."),
        ("⌈2 one⌉2 °two° ∆three∆ four ⇗", "one two three four"),
        ("right &*INV:mhm indeed &{l=X yes &}l=X .", "right indeed yes."),
        ("[Music] R&D is 3 + 4 at ann@example.com .", "[Music] R&D is 3 + 4 at ann@example.com."),
        ("我 要 吃 (.) 饭 .", "我 要 吃 [pause] 饭."),
        ("a line that goes on\n\ton the next one\n\n\tand after a blank one .", None),
    ],
)
def test_words_are_read_as_spoken(tier: str, spoken: str | None):
    assert _said(tier) == (spoken or "a line that goes on on the next one and after a blank one.")


@pytest.mark.parametrize("nothing", ["", "0 .", "0 [=! points] .", ".", "[% leaves] .", "&=", "<> [>]"])
def test_a_tier_without_words_is_no_utterance(nothing: str):
    assert _said(nothing) == ""


@pytest.mark.parametrize(
    "tier",
    [
        "hello there . \x151200_3400\x15",
        "hello \x151200_2000\x15 there . \x152100_3400\x15",
        'hello there . \x15%snd:"talk.wav"_1200_3400\x15',
        "hello there . •1200_3400•",
        "hello there . 1200_3400",
        "hello there .\x151200_3400-\x15",
        "hello there .\n%wor:\thello \x151200_1900\x15 there \x152100_3400\x15 .",
    ],
)
def test_times_are_no_words_and_stay_with_the_utterance(tier: str):
    (utterance,) = _read(f"{HEAD}*PAR:\t{tier}\n").utterances
    assert (utterance.text.text, utterance.start, utterance.end) == ("hello there.", 1.2, 3.4)


def test_words_have_the_times_of_their_own_tier():
    tiers = "*PAR:\thello there .\n%mor:\tco|hello .\n%wor:\thello \x150_500\x15 there .\n*INV:\tyes .\n"
    own, other = _read(HEAD + tiers).utterances
    assert [(word.text, word.start, word.end) for word in own.words] == [("hello", 0.0, 0.5)]
    assert other.words == ()


def test_times_that_run_backwards_are_left_out():
    (utterance,) = _read(
        f"{HEAD}*PAR:\thello . \x153400_1200\x15\n%wor:\thello \x15900_100\x15 .\n"
    ).utterances
    assert (utterance.start, utterance.end, utterance.words) == (None, None, ())


def test_headers_and_dependent_tiers_say_nothing():
    text = (
        "@UTF8\n@PID:\t11312/c-1\n@Begin\n@Languages:\teng\n@Participants:\tCHI Child,\n\tMOT Mother\n"
        "@Comment:\tno *CHI: here\n*CHI:\tlook .\n%com:\tpoints to\n\tthe door\n%act:\truns\n@Bg:\tplay\n"
        "@Comment:\tmore\n\tcomments\n*MOT:\tyes .\n@End\nCopyright: nobody\n"
    )
    assert [(said.speaker, said.text.text) for said in _read(text).utterances] == [
        ("CHI", "look."),
        ("MOT", "yes."),
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", "  \n\n").rstrip(),
        lambda text: text.replace("\t", "  "),
        lambda text: text.replace(" and ", "\n\tand ").replace(" for ", "\n\tfor "),
        lambda text: re.sub(r"\d+_\d+", "70000_90000", text),
        lambda text: text.replace("@UTF8\n", "").replace("@End\n", ""),
        lambda text: "\n".join(line for line in text.split("\n") if not line.startswith("@")),
    ],
)
def test_wrapping_times_and_line_ends_change_no_words(change):
    changed = change(CHILDES)
    transcript = _read(changed)
    assert [(said.speaker, said.text.text) for said in transcript.utterances] == [
        (said.speaker, said.text.text) for said in _read(CHILDES).utterances
    ]
    _assert_offsets(changed, transcript)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Well, I moved the night shift.",
        "*PAR: is the code of the participant.",
        "*NB: see below\nI wrote &-um in *PAR:\tand [//] here, at 3900_9600.",
        "@Begin is a header of CHAT, *PAR: a tier.\nHow are you?",
        "@Ann and @Begin: hello\n*Bob:\thi",
        "WEBVTT\n\n00:01.000 --> 00:02.000\n*PAR:\thello\n",
        "* one\n* two: three\n* four",
        '{"text": "*PAR:\\thello"}',
    ],
)
def test_other_texts_are_left_to_other_readers(text: str):
    assert read_cha(text) is None


def test_a_file_in_which_nobody_speaks_has_no_utterances():
    assert _read("@UTF8\n@Begin\n@Languages:\teng\n@End\n").utterances == ()


_SIGNS = [
    *'&=-+~[]<>()/.,?!:@_^#0"%*\n\t \x15•',
    "xxx",
    "PAR",
    "*PAR:\t",
    "[: ",
    "&=",
    "+...",
    "a",
    "é",
    "12_34",
]


@settings(max_examples=60, deadline=None)
@given(some.lists(some.sampled_from(_SIGNS), max_size=40).map("".join))
def test_any_notation_is_read_with_exact_offsets(tier: str):
    text = f"{HEAD}*PAR:\tso {tier}"
    _assert_offsets(text, _read(text))


@pytest.mark.parametrize(
    "unit",
    ["(", "[", "&", "\x15", "•%snd:", " ", "\t", "+.", "1_", "&=", "(1", "a:", "\n*A:\ta", "\n%wor:\t\x15"],
)
def test_no_shape_takes_more_than_linear_time(unit: str):
    assert grows_linearly(read_cha, f"{HEAD}*PAR:\t{unit * (80_000 // len(unit))}")
