-- Alerts: what went over a threshold, since when, who was told.

-- Grain of alerts: one row per episode of a rule, unit and subject. At most one of them is live.
create table alerts (
    alert_id bigint generated always as identity primary key,
    rule text not null,
    unit_id text collate "C" not null default '',
    subject text not null default '',
    state text not null check (state in ('pending', 'open', 'resolved', 'dropped')),
    severity text not null check (severity in ('info', 'warn', 'critical')),
    owner text not null default '',
    breached_at timestamptz not null,
    last_breached_at timestamptz not null,
    clear_since timestamptz,
    opened_at timestamptz,
    resolved_at timestamptz,
    resolution text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledged_note text,
    value double precision,
    threshold double precision,
    detail jsonb not null default '{}',
    check ((state in ('open', 'resolved')) = (opened_at is not null)),
    check ((state in ('resolved', 'dropped')) = (resolved_at is not null))
);

create unique index alerts_one_live on alerts (rule, unit_id, subject) where state in ('pending', 'open');
create index alerts_by_subject on alerts (rule, unit_id, subject, alert_id);

-- Grain: one row per rule and unit. An evaluation as of an earlier moment than this comes too late and changes nothing.
create table alert_marks (
    rule text not null,
    unit_id text collate "C" not null default '',
    evaluated_at timestamptz not null,
    primary key (rule, unit_id)
);

-- Grain: one row per address of a recipient and thing to be told (an opening, a resolution, a digest). An outbox: dedupe keeps
-- it single. Without a recipient it waits for settings that can be read.
create table alert_messages (
    message_id bigint generated always as identity primary key,
    dedupe text not null unique,
    recipient text not null,
    channel integer not null default 1,
    kind text not null check (kind in ('open', 'resolve', 'digest', 'test')),
    alert_ids bigint[] not null,
    title text not null,
    body text not null,
    queued_at timestamptz not null,
    not_before timestamptz not null,
    state text not null default 'waiting' check (state in ('waiting', 'sending', 'sent', 'unclear', 'given_up')),
    attempts integer not null default 0,
    next_try_at timestamptz not null,
    last_error text,
    sent_at timestamptz
);

create index alert_messages_waiting on alert_messages (next_try_at) where state in ('waiting', 'sending');
