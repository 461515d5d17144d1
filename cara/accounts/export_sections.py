"""What an export holds: a statement for each table that knows of users, in the order of the document.

The export reads the tables of all features, as the deletion of an account does through its foreign keys. It
names columns, so that hashes stay where they are; a test compares this with the tables that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROFILE: Final = """
    select id, email, name, role, level, xp, streak, longest_streak, last_practice_at,
           streak_started_at, timezone, is_admin, daily_token_quota, created_at, updated_at
    from users
    where id = $1
"""

SECTIONS: Final[Mapping[str, str]] = {
    "sessions": """
        select id, feature_type, title, description, duration_seconds, score, completed, completed_at,
               clarity, pace, confidence, tone, transcript, feedback_json, version, created_at, updated_at
        from sessions
        where user_id = $1
        order by created_at, id
    """,
    "feedback": """
        select session_id, job_id, score, score_change, summary, communication, content, measures,
               highlights, action_items, model, prompt_version, created_at
        from feedback
        where user_id = $1
        order by session_id, created_at
    """,
    "feedbackJobs": """
        select id, session_id, status, stage, progress, attempts, failures, answers, output_tokens,
               feature_type, transcript, duration_seconds, cancel_requested, problem, created_at, started_at,
               finished_at
        from feedback_jobs
        where user_id = $1
        order by id
    """,
    "feedbackKeys": """
        select key, encode(request_hash, 'hex') as request_hash, job_id, created_at
        from feedback_keys
        where user_id = $1
        order by key
    """,
    "quotaUsage": """
        select id, day, request_type, feature_type, model, tokens_used, input_tokens, output_tokens,
               created_at
        from quota_usage
        where user_id = $1
        order by created_at
    """,
    "quotaDays": "select day, used, reserved from quota_days where user_id = $1 order by day",
    "quotaReservations": """
        select id, day, tokens, request_type, feature_type, created_at, expires_at
        from quota_reservations
        where user_id = $1
        order by id
    """,
    "events": """
        select id, event_type, metadata, occurred_at, created_at
        from analytics_events
        where user_id = $1
        order by event_type, created_at
    """,
    "practiceByQuarterHour": """
        select quarter_hour, feature_type, sessions, completed, scored, score_sum, duration_seconds,
               clarity_count, clarity_sum, pace_count, pace_sum, confidence_count, confidence_sum,
               tone_count, tone_sum, first_used_at, last_used_at
        from learner_quarter_hours
        where user_id = $1
        order by quarter_hour, feature_type
    """,
    "eventsByDay": """
        select feature_type, day, events from learner_days where user_id = $1 order by feature_type, day
    """,
    "activeWeeks": "select week from learner_weeks where user_id = $1 order by week",
    "signIns": """
        select family, replaced_at, revoked_at, created_at, expires_at
        from refresh_tokens
        where user_id = $1
        order by created_at
    """,
    "audit": """
        select id, action, host(address) as address, user_agent, request_id, details, created_at
        from audit_log
        where user_id = $1
        order by created_at
    """,
}
"""Members of the document by name; the one parameter is the user's id."""
