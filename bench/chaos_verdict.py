"""The checks after a crash test: the tables are compared with each other and with the received events."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import asyncpg
from aiohttp import ClientSession

from bench.system import CONTROL, System, percentile

FINAL = ("succeeded", "failed", "cancelled")


@dataclass
class JobEvents:
    """The events received of one job: counts by name, and numbers in the order of arrival."""

    names: Counter[str] = field(default_factory=Counter)
    numbers: list[int] = field(default_factory=list)

    @property
    def ends(self) -> int:
        return sum(self.names[name] for name in FINAL)

    @property
    def ended(self) -> bool:
        return self.ends > 0

    @property
    def is_increasing(self) -> bool:
        """Whether every number is higher than the one before."""
        return all(before < after for before, after in pairwise(self.numbers))


async def verdict(system: System, followed: list[JobEvents], jobs: int) -> dict[str, int]:
    """Counts of errors by kind; all of them must be zero."""
    connection = await asyncpg.connect(system.database_url)
    count = connection.fetchval
    async with (
        ClientSession(headers=CONTROL) as http,
        http.get(f"{system.emulator_url}/emulator/ledger") as response,
    ):
        served = await response.json()
    print(
        "jobs by status:",
        dict(Counter(r[0] for r in await connection.fetch("select status from feedback_jobs"))),
    )
    print("attempts a job: p50/p99", *_attempts(await connection.fetch("select attempts from feedback_jobs")))
    print("emulator:", json.dumps(served))
    charged = await count("select coalesce(sum(tokens_used), 0)::int from quota_usage")
    ratio = charged / _total(served)
    print(f"tokens charged {charged}, served by Gemini {_total(served)}: {ratio:.4f}")
    found = {
        "jobs lost": jobs - await count("select count(*) from feedback_jobs"),
        "jobs without an end": await count("select count(*) from feedback_jobs where finished_at is null"),
        "successes without feedback": await count(
            """
            select count(*)
            from feedback_jobs
            left join feedback on feedback.user_id = feedback_jobs.user_id and job_id = feedback_jobs.id
            where status = 'succeeded' and feedback.job_id is null
            """
        ),
        "learners whose XP is not that of their sessions": await count(
            """
            select count(*)
            from users
            where xp <> (
                -- half a point goes to the even number, as in Python
                select coalesce(
                    sum(10 + round((score / 10)::float8) + least(floor(duration_seconds / 60), 20)), 0
                )
                from sessions
                where user_id = users.id and completed
            )
            """
        ),
        "days whose counter is not the ledger's": await count(
            """
            select count(*)
            from quota_days
            where used <> (
                select coalesce(sum(tokens_used), 0)
                from quota_usage
                where quota_usage.user_id = quota_days.user_id and quota_usage.day = quota_days.day
            )
            """
        ),
        "tokens still reserved": await count("select coalesce(sum(reserved), 0)::int from quota_days"),
        "percent between what was charged and what was served, beyond one": max(
            0, round(abs(ratio - 1) * 100 - 1)
        ),
        **await _charges(connection),
        "streams without exactly one end": sum(events.ends != 1 for events in followed),
        "streams whose numbers do not rise": sum(not events.is_increasing for events in followed),
    }
    await connection.close()
    return found


async def _charges(connection: asyncpg.Connection) -> dict[str, int]:
    """Compares charges with attempts: each attempt has one ledger entry at most, however it ended."""
    uncharged = """
        select count(*)
        from feedback_jobs
        where status = 'succeeded'
          and not exists (
              select from quota_usage where user_id = feedback_jobs.user_id and id = reservation_id
          )
    """
    beyond = """
        select count(*)
        from users
        where (select count(*) from quota_usage where user_id = users.id)
            > (select coalesce(sum(attempts), 0) from feedback_jobs where user_id = users.id)
    """
    return {
        "successes that were not charged": await connection.fetchval(uncharged),
        "learners with more charges than attempts": await connection.fetchval(beyond),
    }


def _attempts(rows: list[asyncpg.Record]) -> tuple[float, float]:
    values = [float(row[0]) for row in rows]
    return percentile(values, 50), percentile(values, 99)


def _total(served: dict[str, Any]) -> int:
    return int(served.get("totalTokens", served.get("total_tokens", 0)))
