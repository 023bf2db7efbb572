-- Who worked on the dossiers of a period, with the latest department. Grain: unit × official (null: no official named).
-- Follows dossiers_judged.sql; name_of_officer = the official's name, trimmed and in NFC; %(first_at)s = begin of the period.
select
    j.unit_code,
    {name_of_officer} as officer,
    (array_agg(j.department order by j.received_at desc) filter (where j.department is not null))[1] as department,
    count(*) as dossiers,
    count(*) filter (where j.finished_at >= %(first_at)s) as finished
from judged as j
where j.received_at >= %(first_at)s or j.finished_at >= %(first_at)s
group by j.unit_code, {name_of_officer}
order by j.unit_code asc, officer asc
