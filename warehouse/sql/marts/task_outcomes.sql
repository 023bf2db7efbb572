-- Tasks of a period whose outcome is settled: done in time, or no longer to be done in time. Grain: unit × programme.
-- Needs: scope, %(first_day)s, %(last_day)s of the whole period the tasks belong to, %(known_day)s: the last day that is over.
with tasks as (
    {scope}
)

select
    t.unit_code,
    t.programme,
    count(*) filter (where t.done_on <= %(known_day)s and (t.due_on is null or t.done_on <= t.due_on)) as kept,
    count(*) filter (where t.due_on <= %(known_day)s and (t.done_on is null or t.done_on > t.due_on)) as lost
from tasks as t
where
    coalesce(t.due_on, t.assigned_on) between %(first_day)s and %(last_day)s
    and (t.assigned_on is null or t.assigned_on <= %(known_day)s)
group by t.unit_code, t.programme
