-- depends: 0005_analytics_events
-- What is derived from the learners' roll-ups for everybody: kept by triggers, in the transaction of the change.

-- The rows that a statement changed, signed, as a subquery for the triggers below.
create function changed_rows(operation text) returns text
language sql immutable as $$
    select case operation
        when 'INSERT' then '(select 1 as sign, added.* from added)'
        when 'DELETE' then '(select -1 as sign, removed.* from removed)'
        else '(select 1 as sign, added.* from added union all select -1, removed.* from removed)'
    end
$$;

create function forget_empty_feature_days(days date[]) returns void
language sql as $$
    delete from feature_days
    where day = any(days) and sessions = 0 and completed = 0 and users = 0 and events = 0
$$;

-- Whoever changes what is derived waits here, so that nobody waits for anybody there. Locks come in this order, or
-- two could wait for each other: the learners' accounts, their rows, this, what is derived.
create function take_turn_with_derived_rollups() returns void
language sql as $$
    select pg_advisory_xact_lock(13269277)
$$;

create function sum_sessions_by_feature_day() returns trigger
language plpgsql as $$
declare
    days date[];
begin
    perform take_turn_with_derived_rollups();
    execute format($sql$
        with upserted as (
            insert into feature_days as known (day, feature_type, sessions, completed)
            select (quarter at time zone 'UTC')::date as day, feature_type,
                   sum(sign * sessions), sum(sign * completed)
            from %s as changed
            group by 1, 2
            order by 1, 2
            on conflict (day, feature_type) do update
            set sessions = known.sessions + excluded.sessions, completed = known.completed + excluded.completed
            returning known.day
        )
        select array_agg(distinct day) from upserted
    $sql$, changed_rows(tg_op)) into days;
    if tg_op <> 'INSERT' then
        perform forget_empty_feature_days(days);
    end if;
    return null;
end
$$;

create function sum_events_by_feature_day() returns trigger
language plpgsql as $$
declare
    days date[];
begin
    perform take_turn_with_derived_rollups();
    execute format($sql$
        with upserted as (
            insert into feature_days as known (day, feature_type, users, events)
            select day, feature_type, sum(sign), sum(sign * events)
            from %s as changed
            group by 1, 2
            order by 1, 2
            on conflict (day, feature_type) do update
            set users = known.users + excluded.users, events = known.events + excluded.events
            returning known.day
        )
        select array_agg(distinct day) from upserted
    $sql$, changed_rows(tg_op)) into days;
    if tg_op <> 'INSERT' then
        perform forget_empty_feature_days(days);
    end if;
    return null;
end
$$;

-- A day that comes or goes between two others changes where the day before it leads to, and leads on itself.
-- `points` holds the changed days and their neighbours that stay, in unbroken runs; within a run the row after is
-- the next day with the changed ones counted in, the first one after that stays is the next day without them.
create function count_returns() returns trigger
language plpgsql as $$
declare
    days date[];
begin
    perform take_turn_with_derived_rollups();
    execute format($sql$
        with changed as materialized (
            select user_id, feature_type, day, sign from %s as rows
        ), points as (
            select user_id, feature_type, day, bool_or(is_changed) as is_changed
            from (
                select user_id, feature_type, day, true as is_changed from changed
                union all
                select changed.user_id, changed.feature_type, neighbour.day, false
                from changed
                cross join lateral (
                    (select day from learner_days as known
                     where known.user_id = changed.user_id and known.feature_type = changed.feature_type
                       and known.day < changed.day
                     order by day desc limit 1)
                    union all
                    (select day from learner_days as known
                     where known.user_id = changed.user_id and known.feature_type = changed.feature_type
                       and known.day > changed.day
                     order by day limit 1)
                ) as neighbour
            ) as found
            group by 1, 2, 3
        ), placed as (
            select feature_type, day, is_changed,
                   coalesce(lead(is_changed) over learner, false) as precedes_changed,
                   coalesce(lead(day) over learner, 'infinity') as next_day,
                   coalesce(min(day) filter (where not is_changed) over (
                       learner rows between 1 following and unbounded following
                   ), 'infinity') as next_unchanged_day
            from points
            window learner as (partition by user_id, feature_type order by day)
        ), deltas as (
            select day, feature_type, next_day, 1 as users
            from placed
            where is_changed or precedes_changed
            union all
            select day, feature_type, next_unchanged_day, -1
            from placed
            where not is_changed and precedes_changed
        ), upserted as (
            insert into feature_returns as known (day, feature_type, next_day, users)
            select day, feature_type, next_day, sum(users) * (select sign from changed limit 1)
            from deltas
            group by 1, 2, 3
            having sum(users) <> 0
            order by 1, 2, 3
            on conflict (day, feature_type, next_day) do update set users = known.users + excluded.users
            returning known.day, known.users
        )
        select array_agg(distinct day) filter (where users = 0) from upserted
    $sql$, changed_rows(tg_op)) into days;
    delete from feature_returns where day = any(days) and users = 0;
    return null;
end
$$;

create function keep_learner_weeks() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into learner_weeks (user_id, week)
        select distinct user_id, date_trunc('week', day)::date from added where feature_type = ''
        order by 1, 2
        on conflict do nothing;
    else
        delete from learner_weeks as known
        using (
            select distinct user_id, date_trunc('week', day)::date as week from removed where feature_type = ''
        ) as left_behind
        where known.user_id = left_behind.user_id and known.week = left_behind.week
          and not exists (
              select from learner_days as days
              where days.user_id = known.user_id and days.feature_type = ''
                and days.day >= known.week and days.day < known.week + 7
          );
    end if;
    return null;
end
$$;

-- Takes the learners' weeks without the changed ones out of their cohort, and puts those with them into theirs:
-- an earlier first week moves a learner to another cohort. Where nothing moves, all but the changed cancels out.
create function count_cohorts() returns trigger
language plpgsql as $$
declare
    emptied boolean;
begin
    execute format($sql$
        with changed as materialized (
            select user_id, week, sign from %s as rows
        ), points as (
            select user_id, week, bool_or(is_changed) as is_changed
            from (
                select user_id, week, true as is_changed from changed
                union all
                select user_id, week, false
                from learner_weeks where user_id in (select user_id from changed)
            ) as found
            group by 1, 2
        ), placed as (
            select week, is_changed,
                   min(week) over (partition by user_id) as cohort,
                   min(week) filter (where not is_changed) over (partition by user_id) as cohort_without
            from points
        ), deltas as (
            select cohort, week, 1 as users from placed
            union all
            select cohort_without, week, -1 from placed where not is_changed
        ), upserted as (
            insert into cohort_weeks as known (cohort, week, users)
            select cohort, week, sum(users) * (select sign from changed limit 1)
            from deltas
            group by 1, 2
            having sum(users) <> 0
            order by 1, 2
            on conflict (cohort, week) do update set users = known.users + excluded.users
            returning known.users
        )
        select coalesce(bool_or(users = 0), false) from upserted
    $sql$, changed_rows(tg_op)) into emptied;
    if emptied then
        delete from cohort_weeks where users = 0;
    end if;
    return null;
end
$$;

-- Whoever recomputes everything does the triggers' work too, and says so within the transaction.
create function rollups_are_rebuilt() returns boolean
language sql stable as $$
    select coalesce(current_setting('cara.rebuilding', true), '') = 'on'
$$;

create trigger sum_inserted after insert on learner_quarters referencing new table as added
    for each statement when (not rollups_are_rebuilt()) execute function sum_sessions_by_feature_day();
create trigger sum_updated after update on learner_quarters referencing old table as removed new table as added
    for each statement when (not rollups_are_rebuilt()) execute function sum_sessions_by_feature_day();
create trigger sum_deleted after delete on learner_quarters referencing old table as removed
    for each statement when (not rollups_are_rebuilt()) execute function sum_sessions_by_feature_day();

create trigger sum_inserted after insert on learner_days referencing new table as added
    for each statement when (not rollups_are_rebuilt()) execute function sum_events_by_feature_day();
create trigger sum_updated after update on learner_days referencing old table as removed new table as added
    for each statement when (not rollups_are_rebuilt()) execute function sum_events_by_feature_day();
create trigger sum_deleted after delete on learner_days referencing old table as removed
    for each statement when (not rollups_are_rebuilt()) execute function sum_events_by_feature_day();
create trigger returns_inserted after insert on learner_days referencing new table as added
    for each statement when (not rollups_are_rebuilt()) execute function count_returns();
create trigger returns_deleted after delete on learner_days referencing old table as removed
    for each statement when (not rollups_are_rebuilt()) execute function count_returns();
create trigger weeks_inserted after insert on learner_days referencing new table as added
    for each statement when (not rollups_are_rebuilt()) execute function keep_learner_weeks();
create trigger weeks_deleted after delete on learner_days referencing old table as removed
    for each statement when (not rollups_are_rebuilt()) execute function keep_learner_weeks();

create trigger cohorts_inserted after insert on learner_weeks referencing new table as added
    for each statement when (not rollups_are_rebuilt()) execute function count_cohorts();
create trigger cohorts_deleted after delete on learner_weeks referencing old table as removed
    for each statement when (not rollups_are_rebuilt()) execute function count_cohorts();
