-- Counts of dossiers that are finished, by month of receipt and by month of finishing, kept in step with the facts by
-- difference: a load of 100 changed dossiers touches the cells of those 100. Grain: part × unit × month.
-- Filled only by warehouse/marts.py from sql/marts/dossier_counts.sql; sql/checks/settled_counts.sql recounts it.
create table dossier_month_counts (
    part text not null check (part in ('received', 'finished')),
    unit_code text collate "C" not null,
    month date not null,
    dossiers bigint not null,
    online bigint not null,
    postal bigint not null,
    channel_unknown bigint not null,
    fee_due bigint not null,
    fee_unknown bigint not null,
    fee_paid_online bigint not null,
    fee_paid_unknown bigint not null,
    components_known bigint not null,
    components_digitised bigint not null,
    result_known bigint not null,
    result_digitised bigint not null,
    supplement_known bigint not null,
    supplement_repeated bigint not null,
    due_known bigint not null,
    past_due bigint not null,
    qd766_counted bigint not null,
    qd766_late bigint not null,
    provincial_766_counted bigint not null,
    provincial_766_late bigint not null,
    ii06_counted bigint not null,
    ii06_late bigint not null,
    opencps_counted bigint not null,
    opencps_late bigint not null,
    primary key (part, unit_code, month)
);

create table mart_state (
    mart text primary key,
    applied_load_id integer not null,
    procedures_load_id integer not null,
    calendar_version text not null,
    events_to timestamptz not null,
    keys_touched bigint not null,
    refreshed_at timestamptz not null
);
