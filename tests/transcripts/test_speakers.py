"""Who the learner is: as told, by a known label, by name, or as the only one who can be; and the turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cara.transcripts.mapped_text import MappedText
from cara.transcripts.speakers import (
    LEARNER_LABELS,
    NEVER_THE_LEARNER,
    OTHER_LABELS,
    LearnerUnknown,
    learner_labels,
)
from cara.transcripts.talk import spoken_seconds, talk_of
from cara.transcripts.utterances import Transcript, Turn, Utterance, speaker_key


def _transcript(*labels: str | None, guessed: bool = False) -> Transcript:
    said = MappedText.whole("Hello there.")
    return Transcript("labeled", tuple(Utterance(said, label) for label in labels), speakers_guessed=guessed)


def _learner(*labels: str | None, told: str | None = None, name: str | None = None) -> set[str | None]:
    return set(learner_labels(_transcript(*labels), told, name))


@pytest.mark.parametrize(
    "written",
    [
        "Ann Lee", "ANN LEE", "ann  lee", "Ann Lee:", "**Ann Lee:**", "[Ann Lee]", "Ann\u00a0Lee",
        "Ａｎｎ Ｌｅｅ：",
        "Ann Lee (she/her)", "Ann Lee (Guest)", "Ann Lee [Host] (they/them):", "Ann Lee she/her/hers",
        "Ann Lee | She/Her", "~ Ann Lee", "\u200eAnn Lee", "“Ann Lee”",
    ],
)  # fmt: skip
def test_spelling_makes_no_other_label(written: str):
    assert speaker_key(written) == "ann lee"
    assert _learner("Interviewer", "Ann Lee", "Bo", told=written) == {"ann lee"}
    assert _learner("Interviewer", written, "Bo", told="Ann Lee") == {"ann lee"}


def test_what_means_another_is_another_label():
    keys = {"Speaker 1", "Speaker 2", "speaker:1", "spk_1", "Ann", "Ann 2", "Ann (3)", "Ann Lee", ""}
    assert len({speaker_key(label) for label in keys}) == len(keys)
    assert speaker_key(None) is None


@given(some.text(alphabet=some.sampled_from("aÉıİ①Ω ()[]*:-|/she1ー私\u0301\u00a0\u200e"), max_size=30))
def test_a_compared_label_is_compared_as_itself(label: str):
    key = speaker_key(label)
    assert speaker_key(key) == key


def test_known_labels_are_written_as_labels_are_compared():
    for labels in (LEARNER_LABELS, OTHER_LABELS):
        assert {speaker_key(label) for label in labels} == labels
    assert NEVER_THE_LEARNER < OTHER_LABELS
    assert not LEARNER_LABELS & OTHER_LABELS


@pytest.mark.parametrize(
    "label",
    [
        "You", "Me", "MYSELF", "User", "Learner", "Candidate", "Interviewee", "Student", "Candidate 1",
        "Tú", "Yo", "Candidata", "Candidato/a", "Moi", "Vous", "Candidat(e)", "Ich", "Du", "Bewerberin",
        "Kandidat*in", "Io", "Intervistato", "Eu", "Você", "Entrevistada", "Ik", "Sollicitant", "Ja",
        "Kandydatka", "Siz", "KULLANICI", "Aday", "İş Adayı", "私", "受験者", "候補者", "我",
        "应聘者", "應聘者", "나", "학습자", "지원자", "मैं", "उम्मीदवार",
    ],
)  # fmt: skip
def test_a_known_label_is_the_learners_before_any_name(label: str):
    assert _learner("Ann Lee", label, "Bo", name="Ann Lee") == {speaker_key(label)}


@pytest.mark.parametrize(
    "label", ["Coach", "AI", "Assistant", "Bot 2", "Model", "Gemini", "IA", "KI", "コーチ"]
)
def test_beside_a_machine_or_a_coach_the_one_who_remains_is_the_learner(label: str):
    assert _learner(label, "Ann Lee") == {"ann lee"}
    assert _learner(label, "Ann Lee", name=label) == {"ann lee"}
    for others in (("Ann Lee", "Bo"), ("Ann Lee", "Manager")):
        with pytest.raises(LearnerUnknown):
            _learner(label, *others)


@pytest.mark.parametrize(
    "label",
    [
        "Interviewer", "Host", "Moderator", "Recruiter", "Interviewer 2", "Entrevistador", "Recruteuse",
        "Interviewerin", "Intervistatore", "Entrevistadora", "Rekruter", "Mülakatçı", "面接官", "面试官",
        "면접관", "साक्षात्कारकर्ता", "INV",
    ],
)  # fmt: skip
def test_who_talks_with_an_interviewer_or_a_host_is_asked(label: str):
    with pytest.raises(LearnerUnknown):
        _learner(label, "Ann Lee")
    with pytest.raises(LearnerUnknown):
        _learner(label, "Ann Lee", name=label)
    assert _learner(label, "Ann Lee", name="Ann Lee") == {"ann lee"}


def test_several_labels_may_be_the_learners():
    assert _learner("You", "Coach", "Me") == {"you", "me"}
    assert _learner("Ich", "Moi", "Ann") == {"ich", "moi"}


def test_what_people_call_themselves_comes_before_their_part():
    assert _learner("Me", "Candidate") == {"me"}


@pytest.mark.parametrize("parts", [("Student 1", "Student 2"), ("Candidate 1", "Candidate 2", "Interviewer")])
def test_one_of_several_parts_is_not_known_to_be_the_learners(parts: tuple[str, ...]):
    with pytest.raises(LearnerUnknown):
        _learner(*parts)


def test_i_beside_another_label_is_the_interviewer_of_research():
    assert _learner("I") == {"i"}
    assert _learner("I", "I", "I", "I", None) == {"i"}
    assert _learner("I", "Ann Lee", name="Ann") == {"ann lee"}
    assert _learner("I", "B", told="I") == {"i"}
    for other in ("B", "Coach", "Ann"):
        with pytest.raises(LearnerUnknown):
            _learner("I", other)


@pytest.mark.parametrize(
    ("labels", "name", "learner"),
    [
        (("Bo", "Ann Lee"), "ann lee", "ann lee"),
        (("Bo", "Lee, Ann"), "Ann Lee", "lee, ann"),
        (("Bo", "Ann"), "Ann Lee", "ann"),
        (("Bo", "Ms. Lee"), "Ann Lee", "ms. lee"),
        (("Bo", "Dr. Ann Lee-Smith (she/her)"), "Ann Lee", "dr. ann lee-smith"),
        (("Bo", "Ann Lee"), "Ann", "ann lee"),
        (("Bo", "Ann Lee", "Ann Ray"), "Ann Lee", "ann lee"),
        (("José García", "Bo"), "Jose Garcia", "josé garcía"),
        (("田中 太郎", "佐藤"), "田中", "田中 太郎"),
    ],
)
def test_the_learners_own_name_tells(labels: tuple[str, ...], name: str, learner: str):
    assert _learner(*labels, name=name) == {learner}


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (("Bo", "Cy"), "Ann Lee"),
        (("Bo", "Ann Ray"), "Ann Lee"),
        (("Ann", "Ann Ray"), "Ann Lee"),
        (("Ann", "Lee"), "Ann Lee"),
        (("Ann Lee", "Ann Ray"), "Ann"),
        (("A", "B"), "A. Lee"),
        (("AL", "BR"), "Ann Lee"),
        (("Bo", "Cy"), "  "),
        (("Speaker 1", "Speaker 2"), None),
    ],
)
def test_without_a_name_that_only_one_has_the_learner_is_unknown(labels: tuple[str, ...], name: str | None):
    with pytest.raises(LearnerUnknown):
        _learner(*labels, name=name)


def test_the_learner_may_be_told_to_be_anybody_who_speaks():
    assert _learner("You", "Coach", told="coach") == {"coach"}
    assert _learner("Interviewer", "Me", told="INTERVIEWER") == {"interviewer"}
    assert _learner("Speaker 1", "Speaker 2", told="speaker 2") == {"speaker 2"}
    assert _learner("Lee, Ann", "Bo", told="Ann Lee") == {"lee, ann"}


@pytest.mark.parametrize("labels", [("You", "Coach"), ("Ann",), ("Ann", None), (None,)])
def test_a_told_label_that_nobody_has_is_not_replaced_by_another(labels: tuple[str | None, ...]):
    with pytest.raises(LearnerUnknown):
        _learner(*labels, told="Speaker:1")


def test_a_transcript_without_labels_is_the_learners():
    assert _learner(None) == {None}
    assert _learner(None, name="Bo") == {None}
    assert learner_labels(_transcript(), "Ann") == frozenset()


def test_text_without_a_label_beside_labels_is_not_the_learners():
    assert _learner("Coach", None, "You") == {"you"}
    assert _learner(None, *["Ann"] * 9) == {"ann"}
    for labels in ((None, "Ann"), ("Coach", None)):  # nobody knows who says half of it
        with pytest.raises(LearnerUnknown):
            _learner(*labels)


def test_where_only_others_speak_the_learner_says_nothing():
    assert _learner("Coach") == set()
    assert _learner("Interviewer 1", "Interviewer 2", "AI") == set()
    with pytest.raises(LearnerUnknown):
        _learner("Manager", "Customer")


def test_guessed_speakers_are_the_learner_only_when_told():
    transcript = _transcript("Speaker 1", "Speaker 2", guessed=True)
    with pytest.raises(LearnerUnknown):
        learner_labels(transcript, None, "Speaker 1")
    assert learner_labels(transcript, "Speaker 2") == {"speaker 2"}
    assert learner_labels(_transcript("Speaker 1", guessed=True)) == {"speaker 1"}


def test_turns_under_several_labels_of_the_learner_are_one():
    talk = talk_of(_transcript("Coach", "You", "Me", "you", "Coach", "AI", "Me"))
    assert [turn.speaker for turn in talk.turns] == ["Coach", "You", "Coach", "AI", "Me"]
    assert [turn.text.text.count("Hello") for turn in talk.own] == [3, 1]
    assert [turn.speaker for turn in talk.others] == ["Coach", "Coach", "AI"]
    assert talk.is_dialogue
    assert not talk_of(_transcript("You", "Me")).is_dialogue


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([], None),
        ([(None, None), (3.0, None)], None),
        ([(3.9, 9.6), (12.8, 15.6), (15.9, 18.7)], 11.3),
        ([(0.0, 4.0), (1.0, 2.0), (3.0, 5.0), (None, None)], 5.0),
        ([(5.0, 6.0), (0.0, 1.0), (1.0, 2.0)], 3.0),
    ],
)
def test_what_overlaps_is_spoken_once(times: list[tuple[float | None, float | None]], seconds: float | None):
    said = MappedText.whole("Hello.")
    turns = [Turn("Ann", (Utterance(said, "Ann", start, end),)) for start, end in times]
    assert spoken_seconds(turns) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("[Music]", 1.0), ("(laughs)", 1.0), ("♪ la la ♪", 1.0), ("[Music] (laughs)", 1.0),
     ("[Music] Yes.", 3.0), ("(I mean it)", 3.0)],
)  # fmt: skip
def test_stage_marks_are_no_time_in_which_somebody_speaks(text: str, seconds: float):
    said = [(text, 0.0, 2.0), ("Hello.", 2.0, 3.0)]
    turn = Turn("Ann", tuple(Utterance(MappedText.whole(one), "Ann", *times) for one, *times in said))
    assert spoken_seconds([turn]) == seconds
