-- depends: 0002_sessions 0003_token_quota 0004_feedback_jobs
-- Raw events: those that clients send, and those that Cara writes itself when something is practised.

-- created_at is when the event was received. It chooses the partition, so that every event finds one.
-- occurred_at is when the event happened; what clients say of it is clamped to a window around created_at.
create table analytics_events (
    user_id     uuid not null,
    id          uuid not null,
    occurred_at timestamptz not null,
    created_at  timestamptz not null default now(),
    batch       bigint not null,
    event_type  text not null,
    metadata    json not null default '{}' -- not jsonb: numbers keep their digits, and members their order
) partition by range (created_at);
create index analytics_events_user_type_idx on analytics_events (user_id, event_type, created_at);
create index analytics_events_batch_idx on analytics_events (batch);

-- One row for each transaction that stored events. Folding deletes it in the transaction that counts its events.
create table pending_event_batches (
    id         bigint generated always as identity primary key,
    created_at timestamptz not null default now(),
    events     integer not null
);

-- Creates the partition of the month (UTC) that holds the given day, if it is missing. Safe beside running writes.
-- Returns the name of the partition.
create function create_analytics_partition(within_month date) returns text
language plpgsql as $$
declare
    first_day date := date_trunc('month', within_month)::date;
    partition text := 'analytics_events_' || to_char(first_day, 'YYYY_MM');
begin
    if to_regclass(partition) is not null then
        return partition;
    end if;
    perform pg_advisory_xact_lock(hashtext(partition));
    -- Reads the catalog itself: to_regclass may answer from a snapshot that is older than the lock.
    if not exists (
        select from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = 'analytics_events'::regclass and relname = partition
    ) then
        execute format('create table %I (like analytics_events including defaults)', partition);
        execute format('alter table %I add primary key (user_id, id)', partition);
        execute format(
            'alter table analytics_events attach partition %I for values from (%L) to (%L)',
            partition,
            first_day::timestamp at time zone 'UTC',
            (first_day + interval '1 month')::timestamp at time zone 'UTC'
        );
    end if;
    return partition;
end
$$;
do $$
begin
    perform create_analytics_partition(current_date);
    perform create_analytics_partition((current_date + interval '1 month')::date);
end
$$;

-- Cara's own events are written in the transaction of what they report. The id is derived from the type and the
-- subject, so that an event is never stored twice. It is a UUID of version 8, which clients may not use, so that
-- no client can store another event under the same id first.
create function record_own_event(of_user uuid, type text, subject uuid, happened_at timestamptz, details json)
returns void
language plpgsql as $$
declare
    of_batch bigint;
begin
    perform create_analytics_partition((now() at time zone 'UTC')::date);
    insert into pending_event_batches (events) values (1) returning id into of_batch;
    insert into analytics_events (user_id, id, occurred_at, batch, event_type, metadata)
    values (
        of_user, overlay(overlay(md5(type || ':' || subject) placing '8' from 13) placing '8' from 17)::uuid,
        happened_at, of_batch, 'cara.' || type, json_strip_nulls(details)
    )
    on conflict do nothing;
end
$$;

create function record_session_events() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        -- Learners were active when they practised: a day with sessions has users.
        perform record_own_event(
            new.user_id, 'session_created', new.id, new.practiced_at,
            json_build_object('sessionId', new.id, 'featureType', new.feature_type)
        );
    end if;
    if new.completed then
        perform record_own_event(
            new.user_id, 'session_completed', new.id, new.completed_at,
            json_build_object('sessionId', new.id, 'featureType', new.feature_type, 'score', new.score,
                               'durationSeconds', new.duration_seconds)
        );
    end if;
    return null;
end
$$;
create trigger analytics_created after insert on sessions
    for each row execute function record_session_events();
create trigger analytics_completed after update on sessions
    for each row when (new.completed and not old.completed) execute function record_session_events();

create function record_feedback_event() returns trigger
language plpgsql as $$
begin
    perform record_own_event(
        new.user_id, 'feedback_succeeded', new.job_id, new.created_at,
        json_build_object(
            'sessionId', new.session_id, 'jobId', new.job_id, 'score', new.score, 'model', new.model,
            'featureType', (select feature_type from sessions
                            where sessions.user_id = new.user_id and sessions.id = new.session_id)
        )
    );
    return null;
end
$$;
create trigger analytics_feedback after insert on feedback
    for each row execute function record_feedback_event();

create function record_gemini_event() returns trigger
language plpgsql as $$
begin
    perform record_own_event(
        new.user_id, 'gemini_called', new.id, new.created_at,
        json_build_object('requestType', new.request_type, 'featureType', new.feature_type, 'model', new.model,
                           'tokensUsed', new.tokens_used)
    );
    return null;
end
$$;
create trigger analytics_gemini after insert on quota_usage
    for each row execute function record_gemini_event();

-- A deleted account takes its events along. They have no foreign key: it would lock the account for each event.
create function delete_events_of_learner() returns trigger
language plpgsql as $$
begin
    delete from analytics_events where user_id = old.id;
    return old;
end
$$;
create trigger analytics_delete_events before delete on users
    for each row execute function delete_events_of_learner();
