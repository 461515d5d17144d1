-- depends: 0005_events
-- Roll-ups: small tables that reports read instead of events and sessions.
--
--     analytics_events ──> learner_days ──┬──> learner_weeks ──> cohort_weeks
--                                         ├──> next_activity_days
--                                         └──> feature_days
--     sessions ──> learner_quarter_hours ─────────┘
--
-- The worker folds events and sessions into the tables of single learners. Triggers carry each change of these on
-- into the tables of all learners, in the same transaction, be it a fold or the deletion of an account.

-- ---------------------------------------------------------------------------------------------- Single learners

-- Sessions of a learner by quarter of an hour and feature: the smallest step in which time zones differ.
create table learner_quarter_hours (
    user_id          uuid not null references users (id) on delete cascade,
    quarter_hour     timestamptz not null,
    feature_type     text not null,
    sessions         integer not null,
    completed        integer not null,
    scored           integer not null,
    score_sum        numeric not null,
    duration_seconds numeric not null,
    clarity_count    integer not null,
    clarity_sum      numeric not null,
    pace_count       integer not null,
    pace_sum         numeric not null,
    confidence_count integer not null,
    confidence_sum   numeric not null,
    tone_count       integer not null,
    tone_sum         numeric not null,
    words_per_minute_count      integer not null,
    words_per_minute_sum        numeric not null,
    fillers_per_100_words_count integer not null,
    fillers_per_100_words_sum   numeric not null,
    hedges_per_100_words_count  integer not null,
    hedges_per_100_words_sum    numeric not null,
    pauses_per_minute_count     integer not null,
    pauses_per_minute_sum       numeric not null,
    first_used_at    timestamptz not null,
    last_used_at     timestamptz not null,
    primary key (user_id, quarter_hour, feature_type)
);
create index learner_quarter_hours_feature_idx on learner_quarter_hours (feature_type, quarter_hour);

-- Events of a learner by day (UTC) and feature. The feature '' counts all events: its row means "was active".
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

-- ------------------------------------------------------------------------------- All learners: no personal data

create table feature_days (
    day          date not null,
    feature_type text not null,
    sessions     bigint not null default 0,
    completed    bigint not null default 0,
    users        bigint not null default 0,
    events       bigint not null default 0,
    primary key (day, feature_type)
);

-- How many learners used the feature on the day, by the next day on which they used it again ('infinity': not
-- yet). The distinct learners of the days from a to b are those of the rows with day between a and b and
-- next_day > b: each learner is counted on their last day in the period. This is exact for every period, and the
-- size of the table depends on days, not on learners or events.
create table next_activity_days (
    day          date not null,
    feature_type text not null,
    next_day     date not null,
    users        bigint not null,
    primary key (day, feature_type, next_day)
);

-- Learners by the week in which they were first active and the weeks in which they were active again.
create table cohort_weeks (
    cohort date not null,
    week   date not null,
    users  bigint not null,
    primary key (cohort, week)
);

-- --------------------------------------------------------------------------------------------- State of folding

-- Quarter hours whose sessions have changed since they were folded.
create table stale_quarter_hours (
    id           bigint generated always as identity primary key,
    user_id      uuid not null,
    quarter_hour timestamptz not null,
    feature_type text not null,
    created_at   timestamptz not null default now()
);

-- The first day whose events are all still stored: earlier days cannot be recomputed.
create table rollup_limits (
    recomputable_from date not null default '-infinity'
);
insert into rollup_limits default values;

-- ------------------------------------------------------------------------------------------------- Derivations
-- Every rule by which one table follows from another stands here, once. Folding, rebuilding and the reports of a
-- single learner call the same functions.

create function utc_day(instant timestamptz) returns date
language sql immutable parallel safe as $$
    select (instant at time zone 'UTC')::date
$$;

create function utc_midnight(day date) returns timestamptz
language sql immutable parallel safe as $$
    select day::timestamp at time zone 'UTC'
$$;

create function quarter_hour_of(instant timestamptz) returns timestamptz
language sql immutable parallel safe as $$
    select date_bin('15 minutes', instant, timestamptz '2000-01-01 00:00:00+00')
$$;

-- analytics_events -> learner_days: one row for each thing that an event counts for, which is being active ('') and
-- the feature that its metadata names, if there is such a feature. learner_days counts these rows.
create view event_days as
select user_id, counted.feature_type, utc_day(occurred_at) as day, batch, created_at
from analytics_events
cross join lateral (
    values (''), (case when metadata ->> 'featureType' = any(feature_types()) then metadata ->> 'featureType' end)
) as counted (feature_type)
where counted.feature_type is not null;

-- sessions -> learner_quarter_hours: the sessions that the learner practised from `since` on and before `until`.
create function quarter_hours_of_sessions(learner uuid, since timestamptz, until timestamptz)
returns setof learner_quarter_hours
language sql stable as $$
    select user_id, quarter_hour_of(practiced_at), feature_type,
           count(*)::integer, (count(*) filter (where completed))::integer,
           count(score)::integer, coalesce(sum(score), 0), coalesce(sum(duration_seconds), 0),
           count(clarity)::integer, coalesce(sum(clarity), 0),
           count(pace)::integer, coalesce(sum(pace), 0),
           count(confidence)::integer, coalesce(sum(confidence), 0),
           count(tone)::integer, coalesce(sum(tone), 0),
           count(words_per_minute)::integer, coalesce(sum(words_per_minute), 0),
           count(fillers_per_100_words)::integer, coalesce(sum(fillers_per_100_words), 0),
           count(hedges_per_100_words)::integer, coalesce(sum(hedges_per_100_words), 0),
           count(pauses_per_minute)::integer, coalesce(sum(pauses_per_minute), 0),
           min(practiced_at), max(practiced_at)
    from sessions
    where user_id = learner and practiced_at >= since and practiced_at < until
    group by user_id, quarter_hour_of(practiced_at), feature_type
$$;

-- The following functions take rows of one table and return what these rows contribute to the next table. Rows of
-- several learners may be passed at once; the rows of a learner are passed together where they depend on each other.

-- learner_days -> learner_weeks
create function weeks_of_days(days learner_days[]) returns setof learner_weeks
language sql immutable as $$
    select distinct user_id, date_trunc('week', day::timestamp)::date from unnest(days) where feature_type = ''
$$;

-- learner_quarter_hours -> feature_days
create function feature_days_of_quarter_hours(quarter_hours learner_quarter_hours[]) returns setof feature_days
language sql immutable as $$
    select utc_day(quarter_hour), feature_type, sum(sessions)::bigint, sum(completed)::bigint, 0::bigint, 0::bigint
    from unnest(quarter_hours)
    group by utc_day(quarter_hour), feature_type
$$;

-- learner_days -> feature_days
create function feature_days_of_days(days learner_days[]) returns setof feature_days
language sql immutable as $$
    select day, feature_type, 0::bigint, 0::bigint, count(*), sum(events)::bigint
    from unnest(days)
    group by day, feature_type
$$;

-- learner_days -> next_activity_days
create function next_activity_of_days(days learner_days[]) returns setof next_activity_days
language sql immutable as $$
    select day, feature_type, next_day, count(*)
    from (
        select day, feature_type,
               coalesce(lead(day) over (partition by user_id, feature_type order by day), 'infinity') as next_day
        from unnest(days)
    ) as followed
    group by day, feature_type, next_day
$$;

-- learner_weeks -> cohort_weeks
create function cohorts_of_weeks(weeks learner_weeks[]) returns setof cohort_weeks
language sql immutable as $$
    select cohort, week, count(*)
    from (select week, min(week) over (partition by user_id) as cohort from unnest(weeks)) as active
    group by cohort, week
$$;

-- ------------------------------------------------------------------------------------------ Incremental updates
-- Each of these adds the contribution of the rows that are there now and subtracts that of the rows that were there
-- before. Where the contribution of a row depends on other rows of the learner, both sides are taken together with
-- as many unchanged rows as that needs; whatever the change does not affect cancels out.
--
-- The number of rows differs from call to call, and a plan must fit it: with a generic plan, which PostgreSQL chooses
-- after a few calls with few rows, a fold of 300,000 events took 40 times as long.

-- Serializes the transactions that change the tables of all learners, so that they never wait for each other's rows.
-- Locks are taken in this order, or transactions could deadlock: accounts of learners, rows of learners, this lock,
-- rows of all learners.
create function lock_derived_rollups() returns void
language sql as $$
    select pg_advisory_xact_lock(13269277)
$$;

create function update_feature_days(removed feature_days[], added feature_days[]) returns void
language plpgsql set plan_cache_mode = force_custom_plan as $$
begin
    insert into feature_days as known (day, feature_type, sessions, completed, users, events)
    select day, feature_type, sum(sessions), sum(completed), sum(users), sum(events)
    from (
        select day, feature_type, sessions, completed, users, events from unnest(added)
        union all
        select day, feature_type, -sessions, -completed, -users, -events from unnest(removed)
    ) as changes
    group by day, feature_type
    order by day, feature_type
    on conflict (day, feature_type) do update
    set sessions = known.sessions + excluded.sessions, completed = known.completed + excluded.completed,
        users = known.users + excluded.users, events = known.events + excluded.events;
    delete from feature_days
    where day = any(array(select distinct day from unnest(removed)))
      and sessions = 0 and completed = 0 and users = 0 and events = 0;
end
$$;

-- A changed day affects where the learner's day before it leads to, and leads to the day after it itself. So both
-- sides hold the changed days with their unchanged neighbors, and leave out other days. Where days are left out, both
-- sides lead from the same neighbor to the same neighbor, which cancels out.
create function update_next_activity_days(removed learner_days[], added learner_days[]) returns void
language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
    neighbors learner_days[] := array(
        select row(user_id, feature_type, day, 0)::learner_days
        from (
            select user_id, feature_type, day, true as is_changed from unnest(removed || added)
            union all
            select changed.user_id, changed.feature_type, neighbor.day, false
            from unnest(removed || added) as changed
            cross join lateral (
                (select known.day from learner_days as known
                 where known.user_id = changed.user_id and known.feature_type = changed.feature_type
                   and known.day < changed.day
                 order by known.day desc limit 1)
                union all
                (select known.day from learner_days as known
                 where known.user_id = changed.user_id and known.feature_type = changed.feature_type
                   and known.day > changed.day
                 order by known.day limit 1)
            ) as neighbor
        ) as found
        group by user_id, feature_type, day
        having not bool_or(is_changed)
    );
    emptied_days date[];
begin
    with upserted as (
        insert into next_activity_days as known (day, feature_type, next_day, users)
        select day, feature_type, next_day, sum(users)
        from (
            select day, feature_type, next_day, users from next_activity_of_days(neighbors || added)
            union all
            select day, feature_type, next_day, -users from next_activity_of_days(neighbors || removed)
        ) as changes
        group by day, feature_type, next_day
        having sum(users) <> 0
        order by day, feature_type, next_day
        on conflict (day, feature_type, next_day) do update set users = known.users + excluded.users
        returning known.day, known.users
    )
    select array_agg(distinct day) filter (where users = 0) into emptied_days from upserted;
    delete from next_activity_days where day = any(emptied_days) and users = 0;
end
$$;

create function update_learner_weeks(removed learner_days[], added learner_days[]) returns void
language plpgsql set plan_cache_mode = force_custom_plan as $$
begin
    insert into learner_weeks (user_id, week)
    select user_id, week from weeks_of_days(added)
    order by user_id, week
    on conflict do nothing;
    delete from learner_weeks as known
    using weeks_of_days(removed) as left_week
    where known.user_id = left_week.user_id and known.week = left_week.week
      and not exists (
          select from learner_days as days
          where days.user_id = known.user_id and days.feature_type = ''
            and days.day >= known.week and days.day < known.week + 7
      );
end
$$;

-- An earlier first week moves a learner to another cohort: all weeks of the learner are counted again.
create function update_cohort_weeks(removed learner_weeks[], added learner_weeks[]) returns void
language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
    other_weeks learner_weeks[] := array(
        select row(user_id, week)::learner_weeks
        from (
            select user_id, week, true as is_changed from unnest(removed || added)
            union all
            select user_id, week, false
            from learner_weeks
            where user_id in (select user_id from unnest(removed || added))
        ) as found
        group by user_id, week
        having not bool_or(is_changed)
    );
    any_emptied boolean;
begin
    with upserted as (
        insert into cohort_weeks as known (cohort, week, users)
        select cohort, week, sum(users)
        from (
            select cohort, week, users from cohorts_of_weeks(other_weeks || added)
            union all
            select cohort, week, -users from cohorts_of_weeks(other_weeks || removed)
        ) as changes
        group by cohort, week
        having sum(users) <> 0
        order by cohort, week
        on conflict (cohort, week) do update set users = known.users + excluded.users
        returning known.users
    )
    select coalesce(bool_or(users = 0), false) into any_emptied from upserted;
    if any_emptied then
        delete from cohort_weeks where users = 0;
    end if;
end
$$;

-- ----------------------------------------------------------------------------------------------------- Triggers

-- A transition table has the columns of its table: a row of it is cast to the row type of that table.

create function quarter_hours_changed() returns trigger
language plpgsql as $$
declare
    removed learner_quarter_hours[] := '{}';
    added learner_quarter_hours[] := '{}';
begin
    if tg_op <> 'INSERT' then
        removed := array(select row(old_rows.*)::learner_quarter_hours from old_rows);
    end if;
    if tg_op <> 'DELETE' then
        added := array(select row(new_rows.*)::learner_quarter_hours from new_rows);
    end if;
    perform lock_derived_rollups();
    perform update_feature_days(
        array(select contribution from feature_days_of_quarter_hours(removed) as contribution),
        array(select contribution from feature_days_of_quarter_hours(added) as contribution)
    );
    return null;
end
$$;

create function learner_days_changed() returns trigger
language plpgsql as $$
declare
    removed learner_days[] := '{}';
    added learner_days[] := '{}';
begin
    if tg_op <> 'INSERT' then
        removed := array(select row(old_rows.*)::learner_days from old_rows);
    end if;
    if tg_op <> 'DELETE' then
        added := array(select row(new_rows.*)::learner_days from new_rows);
    end if;
    perform lock_derived_rollups();
    perform update_feature_days(
        array(select contribution from feature_days_of_days(removed) as contribution),
        array(select contribution from feature_days_of_days(added) as contribution)
    );
    -- An update changes how many events a day has, and never which days there are.
    if tg_op <> 'UPDATE' then
        perform update_next_activity_days(removed, added);
        perform update_learner_weeks(removed, added);
    end if;
    return null;
end
$$;

create function learner_weeks_changed() returns trigger
language plpgsql as $$
declare
    removed learner_weeks[] := '{}';
    added learner_weeks[] := '{}';
begin
    if tg_op <> 'INSERT' then
        removed := array(select row(old_rows.*)::learner_weeks from old_rows);
    end if;
    if tg_op <> 'DELETE' then
        added := array(select row(new_rows.*)::learner_weeks from new_rows);
    end if;
    perform lock_derived_rollups();
    perform update_cohort_weeks(removed, added);
    return null;
end
$$;

-- A rebuild fills all tables itself. It suspends the triggers for its transaction by this setting.
create function triggers_are_suspended() returns boolean
language sql stable as $$
    select coalesce(current_setting('cara.rebuilding', true), '') = 'on'
$$;

create trigger derive_inserted after insert on learner_quarter_hours referencing new table as new_rows
    for each statement when (not triggers_are_suspended()) execute function quarter_hours_changed();
create trigger derive_updated after update on learner_quarter_hours
    referencing old table as old_rows new table as new_rows
    for each statement when (not triggers_are_suspended()) execute function quarter_hours_changed();
create trigger derive_deleted after delete on learner_quarter_hours referencing old table as old_rows
    for each statement when (not triggers_are_suspended()) execute function quarter_hours_changed();

create trigger derive_inserted after insert on learner_days referencing new table as new_rows
    for each statement when (not triggers_are_suspended()) execute function learner_days_changed();
create trigger derive_updated after update on learner_days referencing old table as old_rows new table as new_rows
    for each statement when (not triggers_are_suspended()) execute function learner_days_changed();
create trigger derive_deleted after delete on learner_days referencing old table as old_rows
    for each statement when (not triggers_are_suspended()) execute function learner_days_changed();

create trigger derive_inserted after insert on learner_weeks referencing new table as new_rows
    for each statement when (not triggers_are_suspended()) execute function learner_weeks_changed();
create trigger derive_deleted after delete on learner_weeks referencing old table as old_rows
    for each statement when (not triggers_are_suspended()) execute function learner_weeks_changed();

-- A session makes its quarter hour stale in the transaction that changes it.
create function mark_stale_quarter_hours() returns trigger
language plpgsql as $$
begin
    if tg_op <> 'DELETE' then
        insert into stale_quarter_hours (user_id, quarter_hour, feature_type)
        values (new.user_id, quarter_hour_of(new.practiced_at), new.feature_type);
    end if;
    -- An account that is being deleted takes its roll-ups along: nothing of it becomes stale.
    if tg_op = 'DELETE'
       or (tg_op = 'UPDATE' and (old.user_id, quarter_hour_of(old.practiced_at), old.feature_type)
           is distinct from (new.user_id, quarter_hour_of(new.practiced_at), new.feature_type)) then
        insert into stale_quarter_hours (user_id, quarter_hour, feature_type)
        select old.user_id, quarter_hour_of(old.practiced_at), old.feature_type
        where exists (select from users where id = old.user_id);
    end if;
    return null;
end
$$;
create trigger analytics_stale after insert or delete on sessions
    for each row execute function mark_stale_quarter_hours();
create trigger analytics_stale_changed after update on sessions
    for each row when (
        (old.user_id, old.feature_type, old.practiced_at, old.completed, old.score, old.duration_seconds,
         old.clarity, old.pace, old.confidence, old.tone,
         old.words_per_minute, old.fillers_per_100_words, old.hedges_per_100_words, old.pauses_per_minute)
        is distinct from
        (new.user_id, new.feature_type, new.practiced_at, new.completed, new.score, new.duration_seconds,
         new.clarity, new.pace, new.confidence, new.tone,
         new.words_per_minute, new.fillers_per_100_words, new.hedges_per_100_words, new.pauses_per_minute)
    ) execute function mark_stale_quarter_hours();

-- Sessions that were there before this migration, which may be applied again after a rollback.
insert into stale_quarter_hours (user_id, quarter_hour, feature_type)
select distinct user_id, quarter_hour_of(practiced_at), feature_type from sessions;

-- A deleted account takes its roll-ups along, and its contribution to those of all learners.
create function delete_rollups_of_learner() returns trigger
language plpgsql as $$
begin
    -- A fold that holds these marks deletes them itself.
    delete from stale_quarter_hours
    where id in (select id from stale_quarter_hours where user_id = old.id for update skip locked);
    delete from learner_quarter_hours where user_id = old.id;
    delete from learner_days where user_id = old.id;
    return old;
end
$$;
create trigger analytics_delete_rollups before delete on users
    for each row execute function delete_rollups_of_learner();
