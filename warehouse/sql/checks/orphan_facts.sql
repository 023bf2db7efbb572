-- Meaning: a fact whose file, writer or closer is not in the ledger, or whose load is of another source or table.
-- Grain: load × source. Runs on every facts table.
with named as (
    select distinct
        f.source,
        f.load_id,
        f.added_by,
        f.closed_by
    from {facts} as f
)

select
    '{facts}' as facts,
    n.source,
    n.load_id,
    n.added_by,
    n.closed_by
from named as n
left join loads as l on n.load_id = l.load_id and n.source = l.source and l.target_table || '_facts' = '{facts}'
left join loads as a on n.added_by = a.load_id
left join loads as c on n.closed_by = c.load_id
where l.load_id is null or a.load_id is null or (n.closed_by is not null and c.load_id is null)
