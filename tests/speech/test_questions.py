"""Questions: what asks and what only looks like it, and which questions are open."""

from __future__ import annotations

import pytest

from cara.speech import measure
from cara.speech.questions import Questions, find_questions
from cara.speech.words import Words, tokenize
from tests.growth import grows_linearly


def _questions(text: str) -> tuple[int, int | None]:
    """Returns the number of questions and of open ones; the closed ones are the rest."""
    measures = measure(text, duration_seconds=None, feature_type="conversation")
    if measures.open_questions is not None and measures.closed_questions is not None:
        assert measures.open_questions + measures.closed_questions == measures.questions
    return measures.questions, measures.open_questions


@pytest.mark.parametrize(
    ("text", "questions", "open_ones"),
    [
        ("Is it? What now? Fine.", 2, 1),
        ("He asked “Why not?” and left. “Is it?” she said.", 2, 1),
        ("He asked 'Why not?' and left. They said “We came, and what is it?” to us.", 2, 2),
        ("Is it really so?! Why???", 2, 1),
        ("Whatever? And you? Right? Um? You know?", 5, 0),
        ("Could you help me. What is that. What's new. Yes.", 3, 2),
        ("So, can we go. Do you agree. Do they. Have we met.", 4, 0),
        ("Isn't it nice. Don't you think so. Shall we go. May we begin.", 4, 0),
        ("Is the shop open. Does your team know. Will the plumber come.", 3, 0),
        ("Which one do you want. What time is it. How many do you have.", 3, 3),
        ("How many of them did you sell. Whose idea was it.", 2, 2),
        ("Were you there. Were you to call, it would help. Should I call, or wait.", 2, 0),
        ("What is the reason that we are here. And when is lunch. Where is the man who is late.", 3, 3),
        ("What did you learn? Did you like it? Are you sure?", 3, 1),
        ("Who won? What happened? Which team lost? How it works?", 4, 4),
        ("Ann, what do you think? If we lose, what then? In your view, why is that?", 3, 3),
        ("To whom did you speak? In which year? Since when? What if we win. Whose is this.", 5, 5),
        ("When you left, why was that? When we met, did he leave?", 2, 1),
        ("Why don't we leave? How about Friday? Why not. How come.", 4, 4),
        ("You like it, don't you? It's late, is it not? How nice, isn't it? What a mess, right?", 4, 0),
        ("Which is it, tea or coffee? Do you want tea or coffee? Which do you like?", 3, 1),
        ("Did you meet Ann, who runs the shop? What you need is this?", 2, 0),
        ("You went where? And then you did what? You know what? He asked him why?", 4, 2),
        ("so what do you think about it", 1, 1),
        ("Ann, where are you. If it rains, what do we do. Ann, is it late. I know, is it late.", 3, 2),
    ],
)
def test_a_question_has_a_mark_or_begins_as_one(text: str, questions: int, open_ones: int) -> None:
    assert _questions(text) == (questions, open_ones)


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("Tell me about your day. Describe your role. Explain why it broke. Talk us through it.", 4),
        ("Can you tell me about your work? Could you please describe a day? Tell me, what happened?", 3),
        ("Let me tell you about it. Tell him about it. We describe how it works. Tell me the time.", 0),
    ],
)
def test_an_invitation_to_tell_is_an_open_question(text: str, questions: int) -> None:
    assert _questions(text) == (questions, questions)


@pytest.mark.parametrize(
    "text",
    [
        "What is true is that we won. May this year be good. What's true is that we lost.",
        "What has to be done is clear. What was said was wrong. What can go wrong will go wrong.",
        "What does not kill us helps us. What could be better than this is unclear. Which is why we left.",
        "What we need is time. When we left it rained. What we want is it. How people did it was odd.",
        "What a day! How nice. How dare you! Am I glad to see you!",
        "Had I known, I would have come. Should you need help, call. Were it not for you, we had lost.",
        "I wonder what you think. When we met, he left. Who dares wins. Whatever. Is what it is.",
        "Do it. Do come in. Do that again. Have it ready. Don't you worry. Would that it were so.",
        "We went to Rome, where we were happy. So what we did was wait. Ann, who is late, left.",
        "So do I. Neither do we. Where there is smoke, there is fire.",
    ],
)
def test_what_begins_like_a_question_may_be_none(text: str) -> None:
    assert _questions(text) == (0, 0)


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("¿Qué tal estás hoy? ¿Vienes mañana con nosotros o no? La verdad es que no lo sé.", 2),
        ("元気ですか？はい、元気です。", 1),
        ("كيف حالك؟ هل أنت بخير؟ نعم", 2),
    ],
)
def test_in_other_languages_the_marks_count_alone(text: str, questions: int) -> None:
    assert _questions(text) == (questions, None)
    measures = measure(text, duration_seconds=None, feature_type="conversation")
    assert {"openQuestions", "closedQuestions"} <= set(measures.not_applicable)


@pytest.mark.parametrize("part", ["is it? ", "what, or so, ", "what is it that is ", "“why ", "which, how? "])
def test_questions_are_found_in_linear_time(part: str) -> None:
    def find(text: str) -> Questions:
        words: Words = tokenize(text)
        return find_questions(words, words, english=True)

    assert grows_linearly(find, part * (60_000 // len(part)))
