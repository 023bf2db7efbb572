-- Re-scoring by the level above: named what-ifs forked from a published run, every version kept to the byte, and the
-- audit log of what people and nights did. Nothing here changes a published run or a fact.

-- Grain: one named scenario. `version` is its current version, raised by one with every edit; an edit that was made
-- on an older version finds no row to update and is refused. `submitted_key` is a name without its spelling: nobody
-- approves what he made or handed in.
create table scenarios (
    scenario_id bigint generated always as identity primary key,
    name text not null unique check (name <> ''),
    base_run bigint not null references score_runs (run_id),
    state text not null check (state in ('draft', 'submitted', 'approved', 'published', 'returned')),
    version integer not null check (version > 0),
    note text,
    author text not null,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    submitted_by text,
    submitted_key text,
    approved_version integer,
    approved_by text,
    result_run bigint references score_runs (run_id)
);

-- Grain: one version of a scenario. `content` is canonical JSON kept as text, so that a revert restores its bytes.
create table scenario_versions (
    scenario_id bigint not null references scenarios (scenario_id),
    version integer not null,
    content text not null,
    sha256 text not null,
    action text not null,
    actor text not null,
    actor_key text not null,
    os_user text not null,
    made_at timestamptz not null,
    primary key (scenario_id, version)
);

-- Grain: one thing done. Each entry holds the digest of the one before it, so the table is one chain from 1 on without
-- a gap. `detail` is canonical JSON kept as text: the digest is of these very bytes.
create table audit_log (
    seq bigint primary key check (seq > 0),
    at timestamptz not null,
    actor text not null,
    os_user text not null,
    action text not null,
    subject text not null,
    detail text not null,
    prev_hash text not null unique,
    entry_hash text not null unique
);

create index audit_log_by_subject on audit_log (subject, seq);

-- Even a role with more rights than the application's does not change an entry by mistake. Whoever takes the trigger
-- away and changes one is found by `cchc audit verify`.
create function audit_log_keep() returns trigger language plpgsql as $$
begin
    raise exception 'audit_log only grows: % is refused', lower(tg_op);
end
$$;

create trigger audit_log_keep before update or delete on audit_log
for each statement execute function audit_log_keep();
