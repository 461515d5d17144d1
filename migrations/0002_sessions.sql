-- depends: 0001_users
-- Practice sessions. Keys lead with user_id, so that the tables distribute by learner as they are.

-- The kinds of practice. The application knows the same list.
create function feature_types() returns text[]
language sql immutable parallel safe as $$
    select '{conversation,writing,accent,listening,video}'::text[]
$$;

create table sessions (
    user_id           uuid not null references users (id) on delete cascade,
    id                uuid not null,
    feature_type      text not null check (feature_type = any(feature_types())),
    title             text,
    description       text,
    duration_seconds  numeric check (duration_seconds >= 0 and duration_seconds < 'infinity'),
    score             numeric check (score between 0 and 100),
    completed         boolean not null default false,
    completed_at      timestamptz,
    clarity           numeric check (clarity between 0 and 100),
    pace              numeric check (pace between 0 and 100),
    confidence        numeric check (confidence between 0 and 100),
    tone              numeric check (tone between 0 and 100),
    -- what the learner practises for, in the JSON of clients: audience, targetSeconds, focus
    goal              jsonb check (jsonb_typeof(goal) = 'object'),
    -- measures of the feedback that the session keeps, for lists and reports; clients do not set them
    words_per_minute      numeric check (words_per_minute >= 0),
    fillers_per_100_words numeric check (fillers_per_100_words >= 0),
    hedges_per_100_words  numeric check (hedges_per_100_words >= 0),
    pauses_per_minute     numeric check (pauses_per_minute >= 0),
    -- how many words that feedback goes by: with a score of too few no other one is compared
    fluent_words      integer check (fluent_words >= 0),
    transcript        text, -- as it was sent
    -- what the learner told of the transcript: its format, and which of its speakers they are
    transcript_format text,
    learner_label     text,
    feedback_json     json, -- not jsonb: numbers keep their digits, and members their order
    version           integer not null default 1,
    -- when the practice took place: lists, reports and means go by it
    practiced_at      timestamptz not null default now(),
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    primary key (user_id, id),
    check (completed = (completed_at is not null))
);
-- Lists and counts go by it; with its last columns they filter without a look at the rows.
create index sessions_user_practiced_idx on sessions (user_id, practiced_at, id, feature_type, completed);

-- How many sessions a learner has, for lists: counting tens of thousands takes longer than reading a page of them.
-- Transactions of one learner take different rows, by their connections (the stripe), or each would wait for the
-- commit of the other. The sum of the rows counts; a single one may be negative.
create table session_counts (
    user_id      uuid not null references users (id) on delete cascade,
    feature_type text not null,
    stripe       integer not null,
    sessions     integer not null,
    completed    integer not null,
    primary key (user_id, feature_type, stripe)
);

-- Counts in the transaction that changes sessions, so that every snapshot has exact numbers. It takes its locks after
-- those of sessions, jobs and quota, and before that of the learner, as all who complete a session do.
create function count_sessions() returns trigger
language plpgsql as $$
declare
    changes session_counts[];
begin
    if tg_op = 'INSERT' then
        changes := array(select row(user_id, feature_type, 0, 1, completed::integer)::session_counts from new_rows);
    elsif tg_op = 'DELETE' then
        -- An account that is being deleted takes its counts along.
        changes := array(
            select row(user_id, feature_type, 0, -1, -completed::integer)::session_counts
            from old_rows
            where exists (select from users where users.id = old_rows.user_id)
        );
    else
        changes := array[
            row(old.user_id, old.feature_type, 0, -1, -old.completed::integer)::session_counts,
            row(new.user_id, new.feature_type, 0, 1, new.completed::integer)::session_counts
        ];
    end if;
    insert into session_counts as known (user_id, feature_type, stripe, sessions, completed)
    select user_id, feature_type, pg_backend_pid() % 8, sum(sessions), sum(completed)
    from unnest(changes)
    group by user_id, feature_type
    order by user_id, feature_type
    on conflict (user_id, feature_type, stripe) do update
    set sessions = known.sessions + excluded.sessions, completed = known.completed + excluded.completed;
    return null;
end
$$;
create trigger count_inserted after insert on sessions referencing new table as new_rows
    for each statement execute function count_sessions();
create trigger count_deleted after delete on sessions referencing old table as old_rows
    for each statement execute function count_sessions();
create trigger count_changed after update on sessions
    for each row when ((old.feature_type, old.completed) is distinct from (new.feature_type, new.completed))
    execute function count_sessions();

-- Requests with an Idempotency-Key, and the session that each opened. There is no foreign key to the session: the
-- key of a deleted session must not open another one.
create table session_keys (
    user_id      uuid not null references users (id) on delete cascade,
    key          text not null,
    request_hash bytea not null,
    session_id   uuid not null,
    created_at   timestamptz not null default now(),
    primary key (user_id, key)
);
create index session_keys_created_at_idx on session_keys (created_at);
