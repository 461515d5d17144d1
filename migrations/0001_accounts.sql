-- People, their refresh tokens and the trail of what was done with their accounts.

create table users (
    id                uuid primary key,
    email             text not null,
    name              text not null,
    role              text,
    password_hash     text not null,
    level             integer not null default 1 check (level >= 1),
    xp                integer not null default 0 check (xp >= 0),
    streak            integer not null default 0 check (streak >= 0),
    longest_streak    integer not null default 0 check (longest_streak >= streak),
    -- an instant, for it has a day in any time zone
    last_practice_at  timestamptz,
    -- so that moving between time zones cannot gain days
    streak_started_at timestamptz,
    timezone          text not null default 'UTC',
    is_admin          boolean not null default false,
    -- null: the default of the settings
    daily_token_quota integer check (daily_token_quota >= 0),
    -- access tokens of an earlier generation no longer count
    token_generation  integer not null default 0,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create unique index users_email_key on users (lower(email));

create table refresh_tokens (
    user_id     uuid not null references users (id) on delete cascade,
    token_hash  bytea not null,
    family      uuid not null,
    replaced_by bytea,
    replaced_at timestamptz,
    revoked_at  timestamptz,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    primary key (user_id, token_hash)
);
create index refresh_tokens_family_idx on refresh_tokens (user_id, family);
create index refresh_tokens_expires_at_idx on refresh_tokens (expires_at);

-- user_id is no foreign key: a failed sign-in may belong to nobody.
create table audit_log (
    id         uuid not null,
    user_id    uuid,
    action     text not null,
    address    inet,
    user_agent text,
    request_id text,
    details    jsonb not null default '{}',
    created_at timestamptz not null default now(),
    primary key (id)
);
create index audit_log_user_idx on audit_log (user_id, created_at);
create index audit_log_created_at_idx on audit_log (created_at);
-- Whether somebody got in from an address, or its network, lately.
create index audit_log_signed_in_idx on audit_log (user_id, address, created_at)
    where action in ('signed_in', 'registered');
