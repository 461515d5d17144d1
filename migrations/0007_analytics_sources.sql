-- depends: 0003_quota 0004_feedback 0006_analytics_rollups
-- What sessions, feedback, calls of Gemini and deleted accounts tell the roll-ups, in their own transactions.

-- Sessions: their quarter is stale from the transaction that changed them on.

create function quarter_of(moment timestamptz) returns timestamptz
language sql immutable as $$
    select date_bin('15 minutes', moment, timestamptz '2000-01-01 00:00:00+00')
$$;

create function mark_stale_quarters() returns trigger
language plpgsql as $$
begin
    if tg_op <> 'DELETE' then
        insert into stale_learner_quarters (user_id, quarter, feature_type)
        values (new.user_id, quarter_of(new.created_at), new.feature_type);
    end if;
    -- Of a learner who is being deleted nothing is kept, and so nothing is stale.
    if tg_op = 'DELETE'
       or (tg_op = 'UPDATE' and (old.user_id, quarter_of(old.created_at), old.feature_type)
           is distinct from (new.user_id, quarter_of(new.created_at), new.feature_type)) then
        insert into stale_learner_quarters (user_id, quarter, feature_type)
        select old.user_id, quarter_of(old.created_at), old.feature_type
        where exists (select from users where id = old.user_id);
    end if;
    return null;
end
$$;

create trigger analytics_stale after insert or delete on sessions
    for each row execute function mark_stale_quarters();
create trigger analytics_stale_changed after update on sessions
    for each row when (
        (old.user_id, old.feature_type, old.created_at, old.completed, old.score, old.duration_seconds,
         old.clarity, old.pace, old.confidence, old.tone)
        is distinct from
        (new.user_id, new.feature_type, new.created_at, new.completed, new.score, new.duration_seconds,
         new.clarity, new.pace, new.confidence, new.tone)
    ) execute function mark_stale_quarters();

insert into stale_learner_quarters (user_id, quarter, feature_type)
select distinct user_id, quarter_of(created_at), feature_type from sessions;

-- Events of our own. Their ids follow from what they tell of, so that none is there twice; they are UUIDs of
-- version 8, which clients may not use, so that nobody can be there before them.

create function record_own_event(of_user uuid, type text, subject uuid, moment timestamptz, details jsonb)
returns void
language plpgsql as $$
declare
    of_batch bigint;
begin
    perform create_analytics_partition((now() at time zone 'UTC')::date);
    insert into pending_event_batches (events) values (1) returning id into of_batch;
    insert into analytics_events (user_id, id, occurred_at, batch, event_type, metadata)
    values (of_user, overlay(overlay(md5(type || ':' || subject) placing '8' from 13) placing '8' from 17)::uuid, moment, of_batch, 'cara.' || type,
            jsonb_strip_nulls(details))
    on conflict do nothing;
end
$$;

create function record_session_events() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform record_own_event(
            new.user_id, 'session_created', new.id, new.created_at,
            jsonb_build_object('sessionId', new.id, 'featureType', new.feature_type)
        );
    end if;
    if new.completed then
        perform record_own_event(
            new.user_id, 'session_completed', new.id, new.completed_at,
            jsonb_build_object('sessionId', new.id, 'featureType', new.feature_type, 'score', new.score,
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
        jsonb_build_object(
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
        jsonb_build_object('requestType', new.request_type, 'featureType', new.feature_type, 'model', new.model,
                           'tokensUsed', new.tokens_used)
    );
    return null;
end
$$;
create trigger analytics_gemini after insert on quota_usage
    for each row execute function record_gemini_event();

-- An account takes its events and roll-ups with it, and what it contributed to those of everybody.
create function forget_learner() returns trigger
language plpgsql as $$
begin
    delete from analytics_events where user_id = old.id;
    -- What is being folded right now goes with that.
    delete from stale_learner_quarters
    where id in (select id from stale_learner_quarters where user_id = old.id for update skip locked);
    delete from learner_quarters where user_id = old.id;
    delete from learner_days where user_id = old.id;
    return old;
end
$$;
create trigger analytics_forget before delete on users
    for each row execute function forget_learner();
