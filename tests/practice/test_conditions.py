"""Entity tags of sessions: reading what has changed, and changing what has not."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from cara.postgres.database import Database
from tests.learners import TALK, Learner


async def test_a_change_of_an_outdated_version_is_refused(learner: Learner) -> None:
    session = await learner.opens_session()
    path = f"/api/sessions/{session['id']}"
    tag = (await learner.call("GET", path)).headers["ETag"]
    await learner.expects(200, "PATCH", path, json={"title": "One"}, headers={"If-Match": tag})
    problem = await learner.expects(412, "PATCH", path, json={"title": "Two"}, headers={"If-Match": tag})
    assert problem["code"] == "precondition_failed"
    assert (await learner.expects(200, "GET", path))["title"] == "One"


async def test_an_etag_of_nothing_that_is_there_matches_no_version(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    for tag in ('"2"', '"x"', '"1-x"', 'W/"x", "2"', '"1-queued-0-queued"', '"' + "9" * 30 + '"'):
        for method in ("PATCH", "DELETE"):
            problem = await learner.expects(412, method, path, json={}, headers={"If-Match": tag})
            assert problem["code"] == "precondition_failed"


async def test_a_malformed_field_matches_nothing_and_says_so(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    for field in ("1", '"1', "", '"1" "1"', "*, *", '"1", 2', "\u00ff"):
        for method in ("PATCH", "DELETE"):
            problem = await learner.expects(412, method, path, json={}, headers={"If-Match": field})
            assert "quotation marks" in problem["detail"]
        whole = await learner.call("GET", path, headers={"If-None-Match": field})
        assert (whole.status, whole.headers["ETag"]) == (200, '"1"')


async def test_lists_and_what_compression_makes_of_a_tag_match(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    with_job = f'"1-{uuid4()}"'
    for field in (
        'W/"1"',
        '"1-gzip"',
        'W/"1-br"',
        '"1--gzip"',
        '"0", "x,y" ,"1"',
        ',, W/"1"\t,',
        with_job,
        "*",
    ):
        same = await learner.call("PATCH", path, json={}, headers={"If-Match": field})
        assert (same.status, same.headers["ETag"]) == (200, '"1"'), field


async def test_the_lines_of_a_field_are_one_list(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    lines = [("If-Match", '"7"'), ("If-Match", '"1", "8"')]
    headers = [*learner.authorization.items(), *lines]
    async with learner.client.patch(path, json={"title": "After"}, headers=headers) as response:
        assert response.status == 200
    known = [("If-None-Match", '"7"'), ("If-None-Match", '"2"')]
    async with learner.client.get(path, headers=[*learner.authorization.items(), *known]) as response:
        assert response.status == 304


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_unchanged_session_is_not_sent_twice(learner: Learner, method: str) -> None:
    path = f"/api/sessions/{(await learner.opens_session(transcript=TALK))['id']}"
    whole = await learner.call("GET", path)
    headers = {"If-None-Match": f'"1", {whole.headers["ETag"]}'}
    again = await learner.call(method, path, headers=headers)
    assert (again.status, await again.read()) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.headers.getall(name) == whole.headers.getall(name)
    await learner.expects(200, "PATCH", path, json={"title": "After"})
    assert (await learner.call(method, path, headers=headers)).status == 200
    await learner.expects(204, "DELETE", path)
    assert (await learner.call(method, path, headers={"If-None-Match": "*"})).status == 404


async def test_a_job_that_begins_or_ends_changes_the_tag_but_not_the_version(
    learner: Learner, database: Database
) -> None:
    path = f"/api/sessions/{(await learner.opens_session(transcript=TALK))['id']}"
    idle = (await learner.call("GET", path)).headers["ETag"]
    asked = {"sessionId": path.rpartition("/")[2]}
    job = await learner.expects(202, "POST", "/api/gemini/generate-feedback", json=asked)
    busy = await learner.call("GET", path, headers={"If-None-Match": idle})
    assert (busy.status, (await busy.json())["liveJobId"]) == (200, job["jobId"])
    changed = await learner.call(
        "PATCH", path, json={"title": "One"}, headers={"If-Match": f"W/{busy.headers['ETag']}"}
    )
    assert (changed.status, (await changed.json())["liveJobId"]) == (200, job["jobId"])
    known = {"If-None-Match": changed.headers["ETag"]}
    assert (await learner.call("GET", path, headers=known)).status == 304
    await learner.expects(202, "DELETE", job["statusUrl"])
    ended = await learner.call("GET", path, headers=known)
    assert (ended.status, (await ended.json())["liveJobId"]) == (200, None)
    # The job has changed nothing that could be overwritten: the tag from before its end still allows changes.
    changes = {"json": {"title": "Two"}, "headers": {"If-Match": changed.headers["ETag"]}}
    await learner.expects(200, "PATCH", path, **changes)
    await learner.expects(412, "PATCH", path, **changes)


async def test_a_deletion_can_depend_on_the_version(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session(title='Before'))['id']}"
    await learner.expects(412, "DELETE", path, headers={"If-Match": '"1"'})
    await learner.expects(204, "DELETE", path, headers={"If-Match": '"1", W/"2-gzip"'})
    await learner.expects(404, "DELETE", path, headers={"If-Match": '"2"'})


async def test_a_session_that_is_not_there_matches_nothing(learner: Learner) -> None:
    other = await Learner.registers(learner.client)
    theirs = f"/api/sessions/{(await other.opens_session())['id']}"
    for field in ("*", '"1"'):
        for method in ("PATCH", "DELETE"):
            await learner.expects(404, method, theirs, json={}, headers={"If-Match": field})
        await learner.expects(404, "GET", theirs, headers={"If-None-Match": field})
    await other.expects(200, "GET", theirs)


async def test_every_change_has_an_etag_and_a_time_of_its_own(learner: Learner) -> None:
    session = await learner.opens_session()
    path, tags, times = f"/api/sessions/{session['id']}", ['"1"'], [session["updatedAt"]]
    for title in ("One", "One", "Two"):
        response = await learner.call("PATCH", path, json={"title": title}, headers={"If-Match": tags[-1]})
        assert response.status == 200
        tags.append(response.headers["ETag"])
        times.append((await response.json())["updatedAt"])
    assert tags == ['"1"', '"2"', '"3"', '"4"']
    assert times == sorted(set(times))
    assert (await learner.call("GET", path)).headers["ETag"] == tags[-1]


async def test_an_empty_change_keeps_the_etag(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    assert (await learner.call("PATCH", path, json={})).headers["ETag"] == '"1"'


async def test_of_changes_of_one_version_at_the_same_instant_one_is_made(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session())['id']}"
    answers = await asyncio.gather(
        *(
            learner.call("PATCH", path, json={"title": f"By {number}"}, headers={"If-Match": '"1"'})
            for number in range(6)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 5
    [winner] = [await answer.json() for answer in answers if answer.status == 200]
    assert (await learner.expects(200, "GET", path))["title"] == winner["title"]


async def test_a_star_matches_every_version(learner: Learner) -> None:
    path = f"/api/sessions/{(await learner.opens_session(title='Before'))['id']}"
    changed = await learner.expects(200, "PATCH", path, json={"title": "After"}, headers={"If-Match": " * "})
    assert changed["title"] == "After"
