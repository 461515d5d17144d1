-- Users, their refresh tokens, failed sign-ins, and the audit trail of accounts.

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
    -- an instant: its calendar day depends on the time zone
    last_practice_at  timestamptz,
    -- bounds the streak: moving between time zones gains no day
    streak_started_at timestamptz,
    timezone          text not null default 'UTC',
    is_admin          boolean not null default false,
    -- null: DAILY_TOKEN_QUOTA applies
    daily_token_quota integer check (daily_token_quota >= 0),
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create unique index users_email_key on users (lower(email));
create index users_admins_idx on users (id) where is_admin;

-- What begins with a sign-in: its access tokens, refresh tokens and event streams end with the family.
create table refresh_families (
    user_id          uuid not null references users (id) on delete cascade,
    id               uuid not null,
    created_at       timestamptz not null default now(),
    -- when the password was last typed
    authenticated_at timestamptz not null default now(),
    -- null before the first refresh
    last_used_at     timestamptz,
    refreshes        integer not null default 0,
    -- the end that no refresh puts off
    expires_at       timestamptz not null,
    ended_at         timestamptz,
    primary key (user_id, id)
);
create index refresh_families_live_idx on refresh_families (user_id) where ended_at is null;
create index refresh_families_expires_at_idx on refresh_families (expires_at);

create table refresh_tokens (
    user_id        uuid not null,
    token_hash     bytea not null,
    family_id      uuid not null,
    -- null until the token is spent
    replaced_by    bytea,
    replaced_at    timestamptz,
    -- with the spent token itself it gives the successor, to whoever sends the token within the grace period
    successor_salt bytea,
    created_at     timestamptz not null default now(),
    expires_at     timestamptz not null,
    primary key (user_id, token_hash),
    foreign key (user_id, family_id) references refresh_families (user_id, id) on delete cascade
);
create index refresh_tokens_family_idx on refresh_tokens (user_id, family_id);
create index refresh_tokens_expires_at_idx on refresh_tokens (expires_at);

-- Failed sign-ins of the last hours, by a digest of the email, or of the email and the client's network. The
-- email need not belong to a user. cara/accounts/lockout.py computes from it how long sign-ins are locked.
create table sign_in_failures (
    key            bytea primary key check (octet_length(key) = 16),
    failures       integer not null check (failures >= 1),
    last_failed_at timestamptz not null,
    -- the last refusal that was audited: one for each lock
    refused_at     timestamptz,
    -- the next failure after this counts as the first
    expires_at     timestamptz not null
);
create index sign_in_failures_expires_at_idx on sign_in_failures (expires_at);

-- user_id is not a foreign key: a failed sign-in may belong to no user.
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
-- Serves the look-up of whether a user signed in from a network recently.
create index audit_log_signed_in_idx on audit_log (user_id, address, created_at)
    where action in ('signed_in', 'registered');
