-- Registers the engine reads: units with validity dates, and the working-day calendar. Kept in step by the code
-- that owns them (sources/units.yaml, sources/calendar.py); every result stores the version it used.
create table units (
    unit_id text primary key,
    code text not null,
    name text not null,
    kind text not null,
    parent text,
    valid_from date not null,
    valid_to date,
    successor_id text,
    provenance text not null
);

create table calendar_days (
    day date primary key,
    is_working boolean not null,
    working_ordinal integer not null
);

create index calendar_days_by_ordinal on calendar_days (working_ordinal) where is_working;

create table register_versions (
    register text primary key,
    version text not null,
    changed_at timestamptz not null
);
