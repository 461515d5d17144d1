"""Large bodies that come slowly: how many of them may be on their way at once."""

from __future__ import annotations

import pytest

from cara.thread_pool import QueueFull, ShareUsed
from cara.web import json_body
from cara.web.receiving import ReceivingRoom
from tests.learners import Learner
from tests.web.raw import RawConnection, answer_to

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_caller_has_a_share_and_whoever_sends_nothing_yet_has_room_all_the_same() -> None:
    room = ReceivingRoom(most_bytes=100, share_bytes=40)
    with room.take("a", 30), room.take("b", 40), room.take("c", 30):
        with pytest.raises(ShareUsed), room.take("a", 11):
            pass
        with pytest.raises(QueueFull), room.take("a", 1):
            pass
        with room.take("d", 25), pytest.raises(QueueFull), room.take("e", 1):
            pass
        with room.take("e", 25):
            pass
    with room.take("a", 40):
        pass


async def test_a_stalled_upload_takes_of_its_senders_share_until_it_ends(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = ReceivingRoom(most_bytes=1_000_000, share_bytes=200_000)
    monkeypatch.setattr(json_body, "_receiving", room)
    port, other = learner.client.port, await Learner.registers(learner.client)
    stalled = [await RawConnection.open(port) for _ in range(2)]
    for connection in stalled:
        await connection.send(upload(learner, 90_000))
        assert await connection.begins_with(CONTINUE)  # its body is waited for
    refused = await answer_to(port, upload(learner, 90_000))
    assert (refused.status, refused.problem["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    await learner.opens_session(title="a small body")
    await other.opens_session(transcript="a " * 45_000)

    await stalled[0].send(b'{"name":"' + b" " * (90_000 - 11) + b'"}')
    assert (await stalled[0].answer()).status == 400
    await learner.opens_session(transcript="a " * 45_000)
    for connection in stalled:
        await connection.close()


def upload(sender: Learner, length: int) -> bytes:
    """The head of a request whose body follows when it is asked for."""
    return (
        f"PATCH /api/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {sender.access_token}\r\n"
        f"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
