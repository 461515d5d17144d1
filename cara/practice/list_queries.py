"""SQL of lists of practice sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from cara.postgres.database import Connection, Record

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_LOWEST_ID, _HIGHEST_ID = UUID(int=0), UUID(int=2**128 - 1)
"""Where a filter says nothing, these are sent: every statement then bounds the same index from both sides."""

_COLUMNS: Final = """
    id, user_id, feature_type, title, description, goal, duration_seconds, score, completed, completed_at,
    clarity, pace, confidence, tone, words_per_minute, fillers_per_100_words, hedges_per_100_words,
    pauses_per_minute, practiced_at, created_at, updated_at
"""


class Filter(NamedTuple):
    """Which sessions of a learner to list; None lets all through."""

    feature_type: str | None = None
    completed: bool | None = None
    practiced_from: datetime | None = None
    practiced_to: datetime | None = None


async def page_of_user(
    connection: Connection,
    user_id: UUID,
    wanted: Filter,
    before: tuple[datetime, UUID] | None,
    limit: int,
    offset: int,
) -> tuple[list[Record], int]:
    """Returns a page, newest practice first, and how many sessions the filter lets through, of one snapshot.

    The page comes without transcripts and feedback; its records have the total as a column more.
    """
    since, to = wanted.practiced_from or _FIRST, wanted.practiced_to or _LAST
    end = (to, _LOWEST_ID if wanted.practiced_to else _HIGHEST_ID)
    arguments: list[Any] = [user_id, since, *min(end, before or end), limit, offset]
    if in_period := bool(wanted.practiced_from or wanted.practiced_to):
        arguments.append(to)
    arguments += [value for value in (wanted.feature_type, wanted.completed) if value is not None]
    statement = page_statement(
        in_period=in_period,
        of_feature=wanted.feature_type is not None,
        by_completion=wanted.completed is not None,
    )
    rows = await connection.fetch(statement, *arguments)
    return ([] if rows[0]["id"] is None else rows), rows[0]["total"]


def page_statement(*, in_period: bool, of_feature: bool, by_completion: bool) -> str:
    """Returns the statement for filters of this kind.

    Each kind has its own, which PostgreSQL plans once: `$n is null or column = $n` in one for all would have
    it planned anew for every call. Parameters: $1 learner, $2 first time, $3 and $4 the time and id that the
    page lies before, $5 limit, $6 offset, then the end of the period, the feature, and the completion.
    """
    places = iter(("$7", "$8", "$9"))
    to = next(places) if in_period else ""
    feature = next(places) if of_feature else ""
    completion = next(places) if by_completion else ""
    kind = f"and feature_type = {feature}" if of_feature else ""
    done = f"and completed = {completion}" if by_completion else ""
    if in_period:
        total = f"""
            select count(*)
            from sessions
            where user_id = $1 and practiced_at >= $2 and practiced_at < {to} {kind} {done}
        """  # noqa: S608 - the texts that stand above
    else:
        counted = f"case when {completion} then completed else sessions - completed end"
        total = f"""
            select coalesce(sum({counted if by_completion else "sessions"}), 0)
            from session_counts
            where user_id = $1 {kind}
        """  # noqa: S608 - the texts that stand above
    return f"""
        select {_COLUMNS}, total
        from ({total}) as counted (total)
        left join lateral (
            select {_COLUMNS}
            from sessions
            where user_id = $1 and practiced_at >= $2 and (practiced_at, id) < ($3, $4) {kind} {done}
            order by practiced_at desc, id desc
            limit $5 offset $6
        ) as page on true
        order by practiced_at desc, id desc
    """  # noqa: S608 - the texts that stand above
