-- What happened, for whoever listens; who is at work; what work took. Nothing here changes a fact or a result.

-- Grain of events: one row per thing that happened, written in the transaction that made it happen. An outbox: a relay
-- tells others and notes when. ids holds identifiers only, never a figure: whoever hears of an event asks the database.
create table events (
    event_id bigint generated always as identity primary key,
    kind text not null check (kind ~ '^[a-z]+\.[a-z_]+$'),
    subject text not null,
    ids jsonb not null default '{}',
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    emitted_at timestamptz,
    attempts integer not null default 0
);

create index events_waiting on events (event_id) where emitted_at is null;
create index events_by_kind on events (kind, event_id);

-- Grain: one row per kind of work of which only one may run. The lock itself is the database session's; the row says who.
create table leases (
    name text primary key,
    holder text not null,
    pid integer not null,
    subject text not null default '',
    taken_at timestamptz not null,
    heartbeat_at timestamptz not null,
    released_at timestamptz
);

-- Grain: one row per part of a running installation (watch, runner, server, web…) and machine.
create table heartbeats (
    component text not null,
    host text not null,
    pid integer not null,
    started_at timestamptz not null,
    beat_at timestamptz not null,
    heard_at timestamptz not null default clock_timestamp(),
    detail jsonb not null default '{}',
    primary key (component, host)
);

-- Grain: one row per piece of work done: how long, how it ended, how much there was.
create table work_log (
    work_id bigint generated always as identity primary key,
    kind text not null,
    subject text not null default '',
    started_at timestamptz not null,
    seconds double precision not null,
    outcome text not null check (outcome in ('done', 'nothing_new', 'busy', 'failed')),
    detail jsonb not null default '{}'
);

create index work_log_by_kind on work_log (kind, work_id);

-- A score is also published when files change it between two nights.
alter table score_runs
drop constraint score_runs_origin_check,
add constraint score_runs_origin_check check (origin in ('nightly', 'event', 'score', 'demo', 'scenario'));

-- A night that was missed too long ago to be made up for is written down as skipped.
alter table nightly_runs
drop constraint nightly_runs_outcome_check,
add constraint nightly_runs_outcome_check check (outcome in ('done', 'nothing_new', 'failed', 'skipped'));
