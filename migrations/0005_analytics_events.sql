-- depends: 0002_practice
-- Raw events that are folded once, and the tables of the roll-ups.

-- created_at is when the event was received: it chooses the partition, so that none ever arrives too late for one.
-- occurred_at is when it happened, as far as that is believed.
create table analytics_events (
    user_id     uuid not null,
    id          uuid not null,
    occurred_at timestamptz not null,
    created_at  timestamptz not null default now(),
    batch       bigint not null,
    event_type  text not null,
    metadata    jsonb not null default '{}'
) partition by range (created_at);
create index analytics_events_user_type_idx on analytics_events (user_id, event_type, created_at);
create index analytics_events_batch_idx on analytics_events (batch);

-- One row for every transaction that stored events, gone once they are in the roll-ups.
create table pending_event_batches (
    id         bigint generated always as identity primary key,
    created_at timestamptz not null default now(),
    events     integer not null
);

-- Makes the partition of the month (UTC) that holds the given day, once, beside running writes. Returns its name.
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
    -- Asked of the catalogue itself: by now the answer of to_regclass may be out of date.
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

-- The first day whose events are all still there: earlier days cannot be recomputed.
create table rollup_limits (
    recomputable_from date not null default '-infinity'
);
insert into rollup_limits default values;

-- Sessions of a learner by quarter of an hour and feature: the smallest step in which time zones differ.
create table learner_quarters (
    user_id          uuid not null references users (id) on delete cascade,
    quarter          timestamptz not null,
    feature_type     text not null,
    sessions         integer not null,
    completed        integer not null,
    scored           integer not null,
    score_sum        numeric not null,
    duration_seconds bigint not null,
    clarity_count    integer not null,
    clarity_sum      numeric not null,
    pace_count       integer not null,
    pace_sum         numeric not null,
    confidence_count integer not null,
    confidence_sum   numeric not null,
    tone_count       integer not null,
    tone_sum         numeric not null,
    first_used_at    timestamptz not null,
    last_used_at     timestamptz not null,
    primary key (user_id, quarter, feature_type)
);
create index learner_quarters_feature_idx on learner_quarters (feature_type, quarter);

-- Quarters whose sessions have changed since they were computed.
create table stale_learner_quarters (
    id           bigint generated always as identity primary key,
    user_id      uuid not null,
    quarter      timestamptz not null,
    feature_type text not null,
    created_at   timestamptz not null default now()
);

-- Events of a learner by day (UTC) and feature; feature '' counts all of them: a row means that one was active.
create table learner_days (
    user_id      uuid not null references users (id) on delete cascade,
    feature_type text not null,
    day          date not null,
    events       integer not null,
    primary key (user_id, feature_type, day)
);
create index learner_days_day_idx on learner_days (day);

-- Weeks (their Mondays) in which a learner was active.
create table learner_weeks (
    user_id uuid not null references users (id) on delete cascade,
    week    date not null,
    primary key (user_id, week)
);

-- What follows is derived from the tables above, and holds nothing of any one person.

create table feature_days (
    day          date not null,
    feature_type text not null,
    sessions     bigint not null default 0,
    completed    bigint not null default 0,
    users        bigint not null default 0,
    events       bigint not null default 0,
    primary key (day, feature_type)
);

-- How many learners used the feature on the day, by the day on which they next came back to it (infinity: not
-- yet). Those of the days from a to b with next_day > b are the distinct learners of that period, for each is
-- counted on their last day in it: exact for every period, in a table whose size depends on days and not on
-- learners or events. For a period that ends today this reads one row a day.
create table feature_returns (
    day          date not null,
    feature_type text not null,
    next_day     date not null,
    users        bigint not null,
    primary key (day, feature_type, next_day)
);

-- Learners by the week in which they were first active and the weeks in which they came back.
create table cohort_weeks (
    cohort date not null,
    week   date not null,
    users  bigint not null,
    primary key (cohort, week)
);
