-- The dossiers behind some figures, worst first, with the file and row that say so. Grain: dossier.
-- Follows dossiers_judged.sql; weights = for each figure what a dossier costs it (null: nothing); behind = the condition, on judged (j) and on the spans of time in which each unit counts (u):
-- %(units)s, %(begins)s, %(ends)s (both included), %(holds_open)s = whether its open dossiers count; arrays of one length.
select
    j.unit_code,
    j.dossier_code,
    j.officer,
    j.department,
    j.received_at,
    coalesce(j.due_at, j.qd766_due_at) as due_at,
    j.finished_at,
    l.sha256,
    l.source,
    a.display_name as file,
    a.received_at as file_received_at,
    a.received_by as file_received_by,
    j.row_no as row,
    array[{weights}] as weights
from judged as j
inner join unnest(
    %(units)s::text[], %(begins)s::timestamptz[], %(ends)s::timestamptz[], %(holds_open)s::boolean[]
) as u (unit_code, begins, ends, holds_open) on j.unit_code = u.unit_code
inner join loads as l on j.load_id = l.load_id
left join lateral (
    select
        s.display_name,
        s.received_at,
        s.received_by
    from arrivals as s
    where s.sha256 = l.sha256
    order by s.arrival_id
    limit 1
) as a on true
where ({behind})
order by
    j.finished_at is not null asc,
    coalesce(j.finished_at, %(as_of)s) - coalesce(j.due_at, j.qd766_due_at) desc nulls last,
    j.dossier_code asc
