-- depends: 0002_sessions 0003_token_quota
-- Feedback jobs and the feedback that they produce.

create table feedback_jobs (
    user_id          uuid not null,
    id               uuid not null,
    session_id       uuid not null,
    status           text not null default 'queued'
                     check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    stage            text not null default 'queued'
                     check (stage in ('queued', 'measuring', 'asking', 'checking', 'saving', 'finished')),
    progress         smallint not null default 0 check (progress between 0 and 100),
    -- counts the claims: the number of the latest claim fences off the workers of earlier claims
    attempts         integer not null default 0,
    -- counts the attempts that ended in transient errors, against the limit of attempts
    failures         integer not null default 0,
    -- counts the judgements that Gemini charged for, usable or not, against a limit of their own
    answers          smallint not null default 0,
    -- whether the next judgement gets more room, because the last one was cut off
    more_output      boolean not null default false,
    -- what is judged, as it was when the feedback was requested
    feature_type     text not null,
    transcript       text not null,
    transcript_format text,
    -- the labels of the learner, as they are compared; null: the only speaker, who has none
    learner_labels   text[],
    -- of the transcript, its format and the learner's labels
    transcript_hash  bytea not null,
    duration_seconds numeric,
    reservation_id   uuid not null,
    -- what the prompt hardly exceeds: reserved for each attempt beside the room for its output
    prompt_tokens    integer not null,
    cancel_requested boolean not null default false,
    run_after        timestamptz not null default now(),
    lease_expires_at timestamptz,
    problem          jsonb,
    created_at       timestamptz not null default now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    primary key (user_id, id),
    foreign key (user_id, session_id) references sessions (user_id, id) on delete cascade,
    check ((status in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null)),
    check ((status = 'running') = (lease_expires_at is not null))
);
create index feedback_jobs_id_idx on feedback_jobs (id);
create index feedback_jobs_user_idx on feedback_jobs (user_id, created_at, id);
create index feedback_jobs_status_idx on feedback_jobs (user_id, status, created_at, id);
create index feedback_jobs_session_idx on feedback_jobs (user_id, session_id, created_at, id);
-- The same session with the same transcript has one live job, however many requests arrive at the same time. A
-- job that the learner has cancelled does not block a new one while its worker stops.
create unique index feedback_jobs_live_key on feedback_jobs (user_id, session_id, transcript_hash)
    where status in ('queued', 'running') and not cancel_requested;
create index feedback_jobs_reservation_idx on feedback_jobs (user_id, reservation_id)
    where status in ('queued', 'running');
create index feedback_jobs_queued_idx on feedback_jobs (run_after) where status = 'queued';
create index feedback_jobs_lease_idx on feedback_jobs (lease_expires_at) where status = 'running';

-- Handles the reservation of a job that is deleted with its session. The reservation of a queued job is released
-- at once. A running job may still cost tokens: its worker settles, or the reservation expires with the lease.
create function release_reservation_of_deleted_job() returns trigger
language plpgsql as $$
begin
    if old.status = 'running' then
        update quota_reservations
        set expires_at = least(expires_at, old.lease_expires_at)
        where user_id = old.user_id and id = old.reservation_id;
        return null;
    end if;
    with released as (
        delete from quota_reservations
        where user_id = old.user_id and id = old.reservation_id
        returning day, tokens
    )
    update quota_days
    set reserved = reserved - released.tokens
    from released
    where quota_days.user_id = old.user_id and quota_days.day = released.day;
    return null;
end
$$;
create trigger feedback_jobs_deleted after delete on feedback_jobs
    for each row when (old.status in ('queued', 'running'))
    execute function release_reservation_of_deleted_job();

-- Requests with an Idempotency-Key, and the job that answered each, whether it was created for that request or not.
create table feedback_keys (
    user_id      uuid not null,
    key          text not null,
    request_hash bytea not null,
    job_id       uuid not null,
    created_at   timestamptz not null default now(),
    primary key (user_id, key),
    foreign key (user_id, job_id) references feedback_jobs (user_id, id) on delete cascade
);
create index feedback_keys_job_idx on feedback_keys (user_id, job_id);

create table feedback (
    user_id        uuid not null,
    session_id     uuid not null,
    job_id         uuid not null,
    score          numeric not null check (score between 0 and 100),
    score_change   numeric check (score_change between -100 and 100),
    summary        text not null,
    communication  jsonb not null,
    content        jsonb not null,
    measures       jsonb not null,
    highlights     jsonb not null,
    action_items   jsonb not null,
    model          text not null,
    prompt_version text not null,
    created_at     timestamptz not null default now(),
    primary key (user_id, job_id),
    foreign key (user_id, session_id) references sessions (user_id, id) on delete cascade
);
create index feedback_session_idx on feedback (user_id, session_id, created_at);
