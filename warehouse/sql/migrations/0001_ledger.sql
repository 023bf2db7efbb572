-- Ledger: what arrived, what was done with it, which rows wait. One row per content, arrival, load, bad cell.
create table files (
    sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes bigint not null,
    suffix text not null,
    state text not null check (state in ('received', 'loaded', 'rejected')),
    reason text,
    message text,
    contract text,
    contract_digest text,
    source text,
    first_seen_at timestamptz not null,
    changed_at timestamptz not null
);

create table arrivals (
    arrival_id bigint generated always as identity primary key,
    sha256 text not null references files,
    display_name text not null,
    location text not null,
    size_bytes bigint not null,
    modified_ns bigint not null,
    origin text not null,
    received_by text not null,
    received_at timestamptz not null,
    unique (sha256, location)
);

create index arrivals_location on arrivals (location);

create table loads (
    load_id integer generated always as identity primary key,
    sha256 text not null references files,
    kind text not null check (kind in ('file')),
    target_table text not null,
    source text not null,
    contract text not null,
    contract_digest text not null,
    contract_body jsonb not null,
    unit_override text,
    mapped_columns text[] not null,
    known_from timestamptz not null,
    rows_read integer not null default 0,
    rows_accepted integer not null default 0,
    rows_quarantined integer not null default 0,
    rows_unchanged integer not null default 0,
    rows_inserted integer not null default 0,
    rows_closed integer not null default 0,
    events_to timestamptz,
    drift jsonb not null default '{}',
    code_version text not null,
    units_version text not null,
    calendar_version text not null,
    loaded_at timestamptz not null
);

-- One content loads once, whatever its name and however many processes try.
create unique index loads_one_per_content on loads (sha256) where kind = 'file';

create index loads_by_target on loads (target_table, source, known_from);

create table load_units (
    load_id integer not null references loads,
    unit_code text not null,
    rows_accepted integer not null,
    primary key (load_id, unit_code)
);

create table quality_verdicts (
    verdict_id bigint generated always as identity primary key,
    sha256 text not null references files,
    load_id integer references loads,
    verdict text not null check (verdict in ('pass', 'quarantine', 'reject')),
    checks jsonb not null,
    message text,
    judged_at timestamptz not null
);

create index quality_verdicts_by_file on quality_verdicts (sha256);

create table quarantine (
    quarantine_id bigint generated always as identity primary key,
    load_id integer not null references loads,
    target_table text not null,
    source text not null,
    row_no integer not null,
    column_name text,
    rule text not null,
    key_shown text,
    key_hash bigint,
    state text not null default 'open' check (state in ('open', 'superseded', 'closed')),
    closed_by integer references loads,
    closed_at timestamptz,
    correction_reason text
);

create index quarantine_by_load on quarantine (load_id, row_no);
create index quarantine_open_by_key on quarantine (target_table, key_hash) where state = 'open';

create table quality_findings (
    finding_id bigint generated always as identity primary key,
    check_name text not null,
    severity text not null check (severity in ('info', 'warn')),
    unit_code text,
    subject text not null,
    detail jsonb not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    cleared_at timestamptz
);

create unique index quality_findings_open on quality_findings (check_name, coalesce(unit_code, ''), subject)
where cleared_at is null;

create table nightly_runs (
    run_id bigint generated always as identity primary key,
    as_of timestamptz not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    state_digest text,
    outcome text check (outcome in ('done', 'nothing_new', 'failed')),
    summary jsonb not null default '{}'
);

create table score_runs (
    run_id bigint generated always as identity primary key,
    recipe_digest text not null,
    result_digest text not null,
    recipe jsonb not null,
    result jsonb not null,
    published_at timestamptz not null
);

create unique index score_runs_by_recipe on score_runs (recipe_digest, result_digest);
