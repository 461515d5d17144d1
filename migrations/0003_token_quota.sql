-- depends: 0001_users
-- The ledger of tokens (one row per call), the totals of each day, and the reservations of calls in progress.

create table quota_usage (
    user_id       uuid not null references users (id) on delete cascade,
    -- the id of the reservation that was made for the call
    id            uuid not null,
    -- the day (UTC) whose quota the call counts against: that of its reservation
    day           date not null,
    request_type  text not null,
    model         text not null,
    tokens_used   integer not null check (tokens_used >= 0),
    input_tokens  integer not null default 0 check (input_tokens >= 0),
    output_tokens integer not null default 0 check (output_tokens >= 0),
    -- the kind of practice, if known
    feature_type  text,
    created_at    timestamptz not null default now(),
    primary key (user_id, id)
);
create index quota_usage_user_created_idx on quota_usage (user_id, created_at);
create index quota_usage_user_day_idx on quota_usage (user_id, day, request_type);

create table quota_days (
    user_id  uuid not null references users (id) on delete cascade,
    day      date not null,
    used     bigint not null default 0 check (used >= 0),
    reserved bigint not null default 0 check (reserved >= 0),
    primary key (user_id, day)
);

create table quota_reservations (
    user_id       uuid not null references users (id) on delete cascade,
    id            uuid not null,
    day           date not null,
    tokens        integer not null check (tokens > 0),
    request_type  text not null,
    feature_type  text,
    created_at    timestamptz not null default now(),
    expires_at    timestamptz not null,
    -- what the call has cost so far, as it is recorded while the call is under way: the charge if its process
    -- dies. Null until the call is sent, and again if it turns out that nothing is billed.
    model         text,
    input_tokens  integer check (input_tokens >= 0),
    output_tokens integer check (output_tokens >= 0),
    primary key (user_id, id),
    check (num_nulls(model, input_tokens, output_tokens) in (0, 3))
);
create index quota_reservations_expires_at_idx on quota_reservations (expires_at);
