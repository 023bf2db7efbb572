-- Published runs keep what they were made of: a run's recipe names its parts by digest, the parts stay for good.
-- Grain of recipe_parts: one row per kind and content. content is json, not jsonb: the order of criteria in a set is part of it.
create table recipe_parts (
    kind text not null check (kind in ('criteria', 'calendar', 'definitions', 'units')),
    digest text not null check (digest ~ '^[0-9a-f]{64}$'),
    content json not null,
    first_seen_at timestamptz not null,
    primary key (kind, digest)
);

alter table score_runs
add column origin text not null default 'nightly' check (origin in ('nightly', 'score', 'demo', 'scenario'));
