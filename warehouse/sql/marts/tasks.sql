-- Every task given by a day, as it stood that day. Grain: task. Needs: scope, %(known_day)s.
with tasks as (
    {scope}
)

select
    t.unit_code,
    t.programme,
    t.assigned_on,
    t.due_on,
    case when t.done_on <= %(known_day)s then t.done_on end as done_on
from tasks as t
where t.assigned_on is null or t.assigned_on <= %(known_day)s
order by t.unit_code asc, t.task_code asc
