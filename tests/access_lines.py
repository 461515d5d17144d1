"""The access lines that the tests' own process has written."""

from __future__ import annotations

import json
from typing import Any

import pytest


def access_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Returns them in their order; a record of the log holds many."""
    messages = [record.message for record in caplog.records if record.name == "cara.access"]
    return [json.loads(line) for message in messages for line in message.splitlines()]
