-- Meaning: a load wrote another number of versions than its ledger row says. Grain: load. Runs on every facts table.
-- Versions of another file that it made speak again (load_id is not added_by) are not its own.
with written as (
    select
        f.load_id,
        count(*) as versions
    from {facts} as f
    where f.load_id = f.added_by
    group by f.load_id
)

select
    '{facts}' as facts,
    l.load_id,
    l.rows_inserted,
    coalesce(w.versions, 0) as versions
from loads as l
left join written as w on l.load_id = w.load_id
where l.target_table || '_facts' = '{facts}' and l.rows_inserted <> coalesce(w.versions, 0)
