-- The dossiers behind a figure, worst first, with the file and row that say so. Grain: dossier.
-- Follows dossiers_judged.sql; behind = the condition; %(unit_code)s, %(first_at)s = begin of the period.
select
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
    j.row_no as row
from judged as j
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
where j.unit_code = %(unit_code)s and ({behind})
order by
    j.finished_at is not null asc,
    coalesce(j.finished_at, %(as_of)s) - coalesce(j.due_at, j.qd766_due_at) desc nulls last,
    j.dossier_code asc
