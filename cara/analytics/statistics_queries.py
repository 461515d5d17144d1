"""SQL of a learner's statistics, which read roll-ups only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cara.analytics.rollup_queries import FRESH_AS_OF
from cara.postgres.database import Connection, Record

_STATISTICS = f"""
    with sums as (
        select width_bucket(quarter_hour, $3::timestamptz[]) as day_number, feature_type,
               sum(sessions)::int as sessions, sum(completed)::int as completed,
               sum(scored)::int as scored, sum(score_sum)::float8 as score_sum,
               sum(duration_seconds)::float8 as duration_seconds,
               sum(clarity_count)::int as clarity_count, sum(clarity_sum)::float8 as clarity_sum,
               sum(pace_count)::int as pace_count, sum(pace_sum)::float8 as pace_sum,
               sum(confidence_count)::int as confidence_count,
               sum(confidence_sum)::float8 as confidence_sum,
               sum(tone_count)::int as tone_count, sum(tone_sum)::float8 as tone_sum,
               sum(words_per_minute_count)::int as words_per_minute_count,
               sum(words_per_minute_sum)::float8 as words_per_minute_sum,
               sum(fillers_per_100_words_count)::int as fillers_per_100_words_count,
               sum(fillers_per_100_words_sum)::float8 as fillers_per_100_words_sum,
               sum(hedges_per_100_words_count)::int as hedges_per_100_words_count,
               sum(hedges_per_100_words_sum)::float8 as hedges_per_100_words_sum,
               sum(pauses_per_minute_count)::int as pauses_per_minute_count,
               sum(pauses_per_minute_sum)::float8 as pauses_per_minute_sum
        from learner_quarter_hours
        where user_id = $1 and ($2::timestamptz is null or quarter_hour >= $2) and quarter_hour < $4
        group by grouping sets ((width_bucket(quarter_hour, $3::timestamptz[])), (feature_type), ())
    )
    select day_number, feature_type, sessions, completed, scored, score_sum, duration_seconds,
           clarity_count, clarity_sum, pace_count, pace_sum, confidence_count, confidence_sum,
           tone_count, tone_sum, words_per_minute_count, words_per_minute_sum,
           fillers_per_100_words_count, fillers_per_100_words_sum,
           hedges_per_100_words_count, hedges_per_100_words_sum,
           pauses_per_minute_count, pauses_per_minute_sum, ({FRESH_AS_OF}) as as_of
    from sums
    order by day_number
"""  # noqa: S608 (a constant)


async def statistics_of_learner(
    connection: Connection,
    user_id: UUID,
    counted_from: datetime | None,
    day_starts: Sequence[datetime],
    end: datetime,
) -> list[Record]:
    """Returns sums by day, sums by feature, and one row with all of them.

    A day has a `day_number`, which counts from 1 and is 0 for all that is before the first day; a feature has
    a `feature_type`; the row of all has neither. It is there even if all its sums are null. `as_of` is of the
    same snapshot.
    """
    return await connection.fetch(_STATISTICS, user_id, counted_from, day_starts, end)
