-- Forecasts as they were given, and how good those of past years would have been. Nothing here changes a fact or a
-- published score.

-- Grain: one row per recipe and result. `result` is the document without what is read from this table itself.
create table forecasts (
    forecast_id bigint generated always as identity primary key,
    recipe_digest text not null check (recipe_digest ~ '^[0-9a-f]{64}$'),
    result_digest text not null check (result_digest ~ '^[0-9a-f]{64}$'),
    criteria_set text not null,
    definition text not null,
    year integer not null,
    as_of timestamptz not null,
    recipe jsonb not null,
    result jsonb not null,
    stored_at timestamptz not null,
    origin text not null check (origin in ('nightly', 'forecast', 'demo')),
    unique (recipe_digest, result_digest)
);

create index forecasts_by_question on forecasts (criteria_set, definition, year, as_of);

-- Grain: one row per forecast and unit: what a chart of earlier forecasts needs, without opening their documents.
create table forecast_points (
    forecast_id bigint not null references forecasts (forecast_id),
    unit_id text collate "C" not null,
    mean double precision not null,
    p025 double precision not null,
    p05 double precision not null,
    p10 double precision not null,
    p25 double precision not null,
    p50 double precision not null,
    p75 double precision not null,
    p90 double precision not null,
    p95 double precision not null,
    p975 double precision not null,
    p_good double precision,
    expected_rank double precision,
    primary key (forecast_id, unit_id)
);

-- Grain: one row per set, definition, year, month of origin, unit and model: one past forecast held against what came.
-- Filled by `cchc backtest`; a rerun replaces its months. Absent scores are null, not 0.
create table forecast_scores (
    criteria_set text not null,
    definition text not null,
    year integer not null,
    month integer not null check (month between 1 and 12),
    unit_id text collate "C" not null,
    model text not null check (model in ('model', 'raw', 'run_rate', 'last_year', 'plain')),
    crps double precision not null,
    brier double precision,
    rps double precision,
    in80 boolean,
    in95 boolean,
    truth double precision not null,
    p025 double precision not null,
    p10 double precision not null,
    p50 double precision not null,
    p90 double precision not null,
    p975 double precision not null,
    factor double precision,
    hindsight boolean not null,
    draws integer not null,
    seed bigint not null,
    code text not null,
    created_at timestamptz not null,
    primary key (criteria_set, definition, year, month, unit_id, model)
);
