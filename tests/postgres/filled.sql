-- Tens of thousands of rows in every table that grows, most of them long done with, as after years of use.
-- Triggers and foreign keys stay out of it: the rows of each table are as they would have left them.
set local session_replication_role = replica;

create function pg_temp.id(kind text, n bigint) returns uuid language sql immutable as $$
    select md5(kind || n)::uuid
$$;
create function pg_temp.feature(n bigint) returns text language sql immutable as $$
    select (feature_types())[1 + n % 5]
$$;
select create_analytics_partition((current_date - interval '1 month' * n)::date) from generate_series(1, 2) as n;

insert into users (id, email, name, password_hash, created_at)
select pg_temp.id('user', n), 'learner-' || n || '@example.com', 'A Learner', 'hash', now() - n * interval '1 hour'
from generate_series(1, 10000) as n;

insert into refresh_families (user_id, id, expires_at, created_at, ended_at)
select pg_temp.id('user', n % 10000), pg_temp.id('family', n), now() + n * interval '1 minute', now(),
       case when n % 3 > 0 then now() end
from generate_series(1, 20000) as n;

insert into refresh_tokens (user_id, token_hash, family_id, expires_at)
select pg_temp.id('user', n % 10000), decode(md5('token' || n), 'hex'), pg_temp.id('family', n % 20000),
       now() + n * interval '1 minute'
from generate_series(1, 40000) as n;

insert into sign_in_failures (key, failures, last_failed_at, expires_at)
select decode(md5('key' || n), 'hex'), 1, now(), now() + n * interval '1 second'
from generate_series(1, 20000) as n;

insert into audit_log (id, user_id, action, address, created_at)
select pg_temp.id('audit', n), pg_temp.id('user', n % 10000),
       (array['signed_in', 'sign_in_failed', 'exported', 'refreshed'])[1 + n % 4], '192.0.2.1',
       now() - n * interval '1 minute'
from generate_series(1, 40000) as n;

insert into sessions (user_id, id, feature_type, title, completed, completed_at, score, practiced_at)
select pg_temp.id('user', n % 10000), pg_temp.id('session', n), pg_temp.feature(n), 'Salary negotiation',
       n % 3 > 0, case when n % 3 > 0 then now() end, 70, now() - n * interval '1 minute'
from generate_series(1, 40000) as n;

insert into session_counts (user_id, feature_type, stripe, sessions, completed)
select user_id, feature_type, 0, count(*), count(*) filter (where completed)
from sessions
group by user_id, feature_type;

insert into session_keys (user_id, key, request_hash, session_id, created_at)
select pg_temp.id('user', n % 10000), 'key ' || n, '\x00', pg_temp.id('session', n), now() - n * interval '1 minute'
from generate_series(1, 20000) as n;

insert into quota_usage (user_id, id, day, request_type, model, tokens_used, created_at)
select pg_temp.id('user', n % 10000), pg_temp.id('usage', n), current_date - (n % 365)::int, 'coach', 'a model', 900,
       now() - n * interval '1 minute'
from generate_series(1, 40000) as n;

insert into quota_days (user_id, day, used)
select user_id, day, sum(tokens_used) from quota_usage group by user_id, day;

insert into quota_reservations (user_id, id, day, tokens, request_type, expires_at)
select pg_temp.id('user', n % 10000), pg_temp.id('usage', n + 40000), current_date, 500, 'coach',
       now() + n * interval '1 second'
from generate_series(1, 20000) as n;

insert into feedback_jobs (
    user_id, id, session_id, status, stage, feature_type, transcript, transcript_hash, reservation_id, prompt_tokens,
    lease_expires_at, created_at, finished_at
)
select pg_temp.id('user', n % 10000), pg_temp.id('job', n), pg_temp.id('session', n), status, 'queued',
       pg_temp.feature(n), 'Thank you.', '\x00', pg_temp.id('usage', n + 40000), 500,
       case when status = 'running' then now() end, now() - n * interval '1 minute',
       case when status not in ('queued', 'running') then now() - n * interval '1 minute' end
from generate_series(1, 30000) as n
cross join lateral (
    select case when n % 50 = 0 then 'queued' when n % 50 = 1 then 'running' when n % 9 = 0 then 'failed'
                else 'succeeded' end
) as job (status);

insert into feedback_keys (user_id, key, request_hash, job_id)
select user_id, 'key ' || id, '\x00', id from feedback_jobs;

insert into feedback (
    user_id, session_id, job_id, score, summary, communication, content, measures, highlights, action_items, model,
    prompt_version
)
select user_id, session_id, id, 70, 'Clear.', '{}', '{}', '{}', '[]', '[]', 'a model', '1'
from feedback_jobs
where status = 'succeeded';

insert into analytics_events (user_id, id, occurred_at, created_at, batch, event_type)
select pg_temp.id('user', n % 10000), pg_temp.id('event', n), at, at, n / 5, 'opened'
from generate_series(1, 60000) as n
cross join lateral (
    select date_trunc('month', now()) - n % 3 * interval '1 month' + n * interval '1 second' / 100
) as received (at);

insert into pending_event_batches (events) select 5 from generate_series(1, 20000);

insert into stale_quarter_hours (user_id, quarter_hour, feature_type)
select user_id, quarter_hour_of(practiced_at), feature_type from sessions limit 20000;

insert into learner_quarter_hours
select folded.*
from users
cross join lateral quarter_hours_of_sessions(id, '-infinity', 'infinity') as folded;

insert into learner_days (user_id, feature_type, day, events)
select user_id, feature_type, utc_day(practiced_at), 5 from sessions group by 1, 2, 3
union all
select user_id, '', utc_day(practiced_at), 9 from sessions group by 1, 3;

insert into learner_weeks (user_id, week)
select pg_temp.id('user', n % 10000), date '2020-01-06' + 7 * (n % 300)::int from generate_series(1, 30000) as n;
