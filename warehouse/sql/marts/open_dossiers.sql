-- The dossiers open at an instant, one by one, with the working days their due day leaves them. Grain: dossier.
-- Follows dossiers_judged.sql; due = the due time that the definition judges by; name_of_officer = the official's name;
-- is_late, is_counted = what the definition says of the dossier; %(day)s = the last day that has happened, in Việt Nam.
-- days_left: working days after that day until the due day, it included; 0 on the due day itself, negative once it is over.
select
    j.unit_code,
    j.dossier_code,
    coalesce(j.procedure_code, '') as procedure,
    j.procedure_name,
    {name_of_officer} as officer,
    j.department,
    (j.received_at at time zone 'Asia/Ho_Chi_Minh')::date as received_on,
    due.day as due_on,
    case
        when due.day < %(day)s then least(due.working_ordinal - today.working_ordinal, -1)
        else due.working_ordinal - today.working_ordinal
    end as days_left,
    case when due.day is not null then greatest(due.working_ordinal - begun.working_ordinal, 0) end as allowed,
    coalesce({is_late}, false) as late,
    {is_counted} as counted
from judged as j
inner join calendar_days as today on today.day = %(day)s
left join calendar_days as due on due.day = ({due} at time zone 'Asia/Ho_Chi_Minh')::date
left join calendar_days as begun on begun.day = (j.received_at at time zone 'Asia/Ho_Chi_Minh')::date
where j.finished_at is null
order by j.unit_code asc, {due} asc nulls last, j.dossier_code asc
