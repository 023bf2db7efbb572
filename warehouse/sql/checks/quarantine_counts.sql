-- Meaning: the rows kept in quarantine are not as many as the load says. Grain: load.
with kept as (
    select
        q.load_id,
        count(distinct q.row_no) as rows_kept
    from quarantine as q
    group by q.load_id
)

select
    l.load_id,
    l.rows_quarantined,
    coalesce(k.rows_kept, 0) as rows_kept
from loads as l
left join kept as k on l.load_id = k.load_id
where l.kind = 'file' and l.rows_quarantined <> coalesce(k.rows_kept, 0)
