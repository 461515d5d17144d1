"""SQL of a learner's statistics, which read roll-ups only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from cara.postgres.database import Connection, Record


async def statistics_of_learner(
    connection: Connection,
    user_id: UUID,
    counted_from: datetime | None,
    day_starts: list[datetime],
    end: datetime,
) -> list[Record]:
    """Returns sums by day and feature.

    `day_number` counts from 1; it is 0 for all that is before the first day.
    """
    return await connection.fetch(
        """
        select width_bucket(quarter_hour, $3::timestamptz[]) as day_number, feature_type,
               sum(sessions)::int as sessions, sum(completed)::int as completed,
               sum(scored)::int as scored, sum(score_sum) as score_sum,
               sum(duration_seconds) as duration_seconds,
               sum(clarity_count)::int as clarity_count, sum(clarity_sum) as clarity_sum,
               sum(pace_count)::int as pace_count, sum(pace_sum) as pace_sum,
               sum(confidence_count)::int as confidence_count, sum(confidence_sum) as confidence_sum,
               sum(tone_count)::int as tone_count, sum(tone_sum) as tone_sum,
               sum(words_per_minute_count)::int as words_per_minute_count,
               sum(words_per_minute_sum) as words_per_minute_sum,
               sum(fillers_per_100_words_count)::int as fillers_per_100_words_count,
               sum(fillers_per_100_words_sum) as fillers_per_100_words_sum,
               sum(hedges_per_100_words_count)::int as hedges_per_100_words_count,
               sum(hedges_per_100_words_sum) as hedges_per_100_words_sum,
               sum(pauses_per_minute_count)::int as pauses_per_minute_count,
               sum(pauses_per_minute_sum) as pauses_per_minute_sum
        from learner_quarter_hours
        where user_id = $1 and ($2::timestamptz is null or quarter_hour >= $2) and quarter_hour < $4
        group by day_number, feature_type
        order by day_number, feature_type
        """,
        user_id,
        counted_from,
        day_starts,
        end,
    )
