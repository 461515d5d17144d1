"""A short run of the fuzzer, which covers every route; `make fuzz` is the long one."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.campaign import Campaign
from tests.fuzz.running import running_cara

REQUESTS = 300
SECONDS = 15


def test_every_answer_to_generated_requests_conforms_to_the_document(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "processes.log"
    with running_cara(database_url, redis_url, log) as url:
        campaign = Campaign(url, database_url, in_a_row=4)
        figures = campaign.run(at_least=REQUESTS, within_seconds=SECONDS)
    assert not figures.failures, figures.report() + log.read_text()[-4000:]
    assert figures.server_errors == 0
    assert set(figures.by_operation) == set(campaign.labels)
