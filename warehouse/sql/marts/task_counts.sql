-- Tasks of a period (by due date, else by the date given). Grain: unit × programme. Done means done by the last day.
-- Needs: scope, %(first_day)s, %(last_day)s of the whole period the tasks belong to, %(known_day)s.
with tasks as (
    {scope}
)

select
    t.unit_code,
    t.programme,
    count(*) as given,
    count(*) filter (where t.done_on <= %(known_day)s) as done,
    count(*) filter (where t.done_on <= %(known_day)s and (t.due_on is null or t.done_on <= t.due_on)) as done_on_time
from tasks as t
where
    coalesce(t.due_on, t.assigned_on) between %(first_day)s and %(last_day)s
    and (t.assigned_on is null or t.assigned_on <= %(known_day)s)
group by t.unit_code, t.programme
