"""From a transcript to feedback, through every real part."""

from __future__ import annotations

import pytest

from tests.learners import TALK, Learner


@pytest.mark.usefixtures("worker")
async def test_a_talk_becomes_feedback_whose_quotes_stand_in_it(learner: Learner) -> None:
    job = await learner.asks_for_feedback(TALK)
    events = await learner.follows(job)

    assert events[-1].name == "succeeded"
    assert [event.name for event in events].count("succeeded") == 1
    done = await learner.expects(200, "GET", job["statusUrl"])
    assert done == events[-1].data
    assert done["feedback"]["highlights"]
    for highlight in done["feedback"]["highlights"]:
        assert TALK[highlight["start"] : highlight["end"]] == highlight["quote"]
