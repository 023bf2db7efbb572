-- How much of their time finished dossiers had left. Grain: unit × procedure × allowed × spare.
-- Follows dossiers_judged.sql; due = the due time that the definition judges by; is_late, is_counted = what it says of a dossier;
-- %(first_at)s = the instant from which dossiers were finished; %(longest)s = where both counts of working days are cut.
-- allowed: working days from the day of receipt to the due day. spare: those left at the end; -1 = late by the definition.
-- {judged_before}
-- Days are found among their beginnings in Việt Nam, their ordinals in an array: much cheaper than time zones and joins.
, days as ( -- noqa: LT04
    select
        array_agg(c.day::timestamp at time zone 'Asia/Ho_Chi_Minh' order by c.day) as starts,
        array_agg(c.working_ordinal order by c.day) as ordinals
    from calendar_days as c
),

ended as (
    select
        j.unit_code,
        j.procedure_code,
        {is_late} as was_late,
        (select d.ordinals from days as d)[width_bucket(j.received_at, (select d.starts from days as d))] as begun_at,
        (select d.ordinals from days as d)[width_bucket({due}, (select d.starts from days as d))] as due_at,
        (select d.ordinals from days as d)[width_bucket(j.finished_at, (select d.starts from days as d))] as ended_at
    from judged as j
    where j.finished_at >= %(first_at)s and {is_counted}
)

select
    e.unit_code,
    coalesce(e.procedure_code, '') as procedure,
    least(greatest(e.due_at - e.begun_at, 0), %(longest)s) as allowed,
    case when e.was_late then -1 else least(greatest(e.due_at - e.ended_at, 0), %(longest)s) end as spare,
    count(*) as dossiers
from ended as e
where e.due_at is not null and e.begun_at is not null and e.ended_at is not null
group by 1, 2, 3, 4
