-- Bitemporal facts. Valid time is in the columns themselves (when it was received, finished, answered…); system time is
-- known_from (inclusive) … known_to (exclusive). Rows are only added; known_to is the only thing that ever changes.
-- load_id + row_no: the file and row that say so. added_by: the load whose transaction wrote it (another one when a late
-- file makes a later one speak again). closed_by: the load that ended its being current.
-- key_hash: 64-bit hash of the key columns; row_hash: of all values; both from the reader. Timestamps are UTC instants.

-- Grain: one row per version of what one source said about a dossier.
create table dossiers_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    dossier_code text collate "C",
    procedure_code text collate "C",
    procedure_name text,
    field_name text,
    unit_code text collate "C",
    channel text,
    submitted_at timestamptz,
    received_at timestamptz,
    due_at timestamptz,
    internal_due_at timestamptz,
    finished_at timestamptz,
    returned_at timestamptz,
    status text,
    officer text,
    department text,
    supplement_count integer,
    supplement_requested_at timestamptz,
    fee_amount numeric,
    paid_online boolean,
    components_digitised boolean,
    result_digitised boolean,
    result_electronic boolean,
    reused_data boolean,
    withdrawn boolean,
    applicant_token text
);

create index dossiers_facts_key on dossiers_facts (key_hash);
create index dossiers_facts_closed on dossiers_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of a satisfaction form.
create table survey_forms_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    form_code text collate "C",
    unit_code text collate "C",
    answered_on date,
    dossier_code text collate "C",
    access smallint,
    procedures smallint,
    officials smallint,
    results smallint,
    feedback smallint,
    overall smallint,
    named_official text,
    comment text,
    applicant_token text
);

create index survey_forms_facts_key on survey_forms_facts (key_hash);
create index survey_forms_facts_closed on survey_forms_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of one official's monthly review.
create table officer_reviews_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    unit_code text collate "C",
    month date,
    officer text,
    department text,
    points numeric,
    grade text,
    reviewed_on date,
    applicant_token text
);

create index officer_reviews_facts_key on officer_reviews_facts (key_hash);
create index officer_reviews_facts_closed on officer_reviews_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of a task.
create table tasks_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    task_code text collate "C",
    unit_code text collate "C",
    programme text,
    title text,
    department text,
    owner text,
    assigned_on date,
    due_on date,
    done_on date,
    status text,
    evidence text,
    applicant_token text
);

create index tasks_facts_key on tasks_facts (key_hash);
create index tasks_facts_closed on tasks_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of an initiative.
create table initiatives_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    initiative_code text collate "C",
    unit_code text collate "C",
    title text,
    owner text,
    submitted_on date,
    recognised_on date,
    decision text,
    applicant_token text
);

create index initiatives_facts_key on initiatives_facts (key_hash);
create index initiatives_facts_closed on initiatives_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of a declared criterion of a unit and year.
create table declarations_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    unit_code text collate "C",
    year integer,
    criterion_code text collate "C",
    value numeric,
    points numeric,
    state text,
    evidence text,
    declared_on date,
    applicant_token text
);

create index declarations_facts_key on declarations_facts (key_hash);
create index declarations_facts_closed on declarations_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of a unit's monthly report II.06a.
create table monthly_reports_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    unit_code text collate "C",
    year integer,
    month integer,
    received_total integer,
    received_online integer,
    received_direct_postal integer,
    carried_over integer,
    resolved_total integer,
    resolved_early integer,
    resolved_on_time integer,
    resolved_overdue integer,
    open_total integer,
    open_in_time integer,
    open_overdue integer,
    applicant_token text
);

create index monthly_reports_facts_key on monthly_reports_facts (key_hash);
create index monthly_reports_facts_closed on monthly_reports_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of a unit's published index.
create table published_results_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    unit_code text collate "C",
    year integer,
    "index" numeric,
    grade text,
    rank integer,
    published_on date,
    applicant_token text
);

create index published_results_facts_key on published_results_facts (key_hash);
create index published_results_facts_closed on published_results_facts (closed_by) where closed_by is not null;

-- Grain: one row per version of an entry of the list of procedures.
create table procedures_facts (
    source text collate "C" not null,
    key_hash bigint not null,
    row_hash bigint not null,
    load_id integer not null,
    added_by integer not null,
    closed_by integer,
    row_no integer not null,
    known_from timestamptz not null,
    known_to timestamptz not null default 'infinity',
    procedure_code text collate "C",
    procedure_name text,
    field_name text,
    max_working_days integer,
    applicant_token text
);

create index procedures_facts_key on procedures_facts (key_hash);
create index procedures_facts_closed on procedures_facts (closed_by) where closed_by is not null;

-- The few dossiers still open: what a new day changes without any new file.
create index dossiers_facts_open on dossiers_facts (unit_code)
where finished_at is null and known_to = 'infinity';

-- Which dossiers the monthly counts must follow. Loads come in order, so that each new entry goes to the right end: cheap.
create index dossiers_facts_added on dossiers_facts (added_by);

-- Dossiers that more than one source speaks about: the only ones whose sources must be merged.
create table dossier_twins (
    key_hash bigint primary key
);
