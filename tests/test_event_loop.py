"""The event loop of the processes that ship."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator

import pytest
import uvloop

from cara import event_loop


@pytest.fixture
def threshold() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


async def loop_in_use() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@pytest.mark.usefixtures("threshold")
def test_processes_run_on_uvloop() -> None:
    assert isinstance(event_loop.run(loop_in_use()), uvloop.Loop)


@pytest.mark.usefixtures("threshold")
def test_without_uvloop_they_run_on_the_loop_of_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert isinstance(event_loop.run(loop_in_use()), asyncio.SelectorEventLoop)
