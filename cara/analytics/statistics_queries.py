"""SQL that statistics are read by: of roll-ups only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record


async def sums_of_learner(
    connection: Connection,
    user_id: UUID,
    counted_from: datetime | None,
    beginnings: list[datetime],
    end: datetime,
) -> list[Record]:
    """Sums by day and feature; `day_number` counts from 1, and is 0 for everything before the first day."""
    return await connection.fetch(
        """
        select width_bucket(quarter, $3::timestamptz[]) as day_number, feature_type,
               sum(sessions)::int as sessions, sum(completed)::int as completed,
               sum(scored)::int as scored, sum(score_sum) as score_sum,
               sum(duration_seconds)::bigint as duration_seconds,
               sum(clarity_count)::int as clarity_count, sum(clarity_sum) as clarity_sum,
               sum(pace_count)::int as pace_count, sum(pace_sum) as pace_sum,
               sum(confidence_count)::int as confidence_count, sum(confidence_sum) as confidence_sum,
               sum(tone_count)::int as tone_count, sum(tone_sum) as tone_sum
        from learner_quarters
        where user_id = $1 and ($2::timestamptz is null or quarter >= $2) and quarter < $4
        group by 1, 2
        order by 1, 2
        """,
        user_id,
        counted_from,
        beginnings,
        end,
    )
