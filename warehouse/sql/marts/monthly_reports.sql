-- Monthly reports II.06a of whole months that are over. Grain: unit × month. Needs: scope, %(first_day)s, %(known_day)s.
with reports as (
    {scope}
),

dated as (
    select
        r.*,
        make_date(r.year, r.month, 1) as begins
    from reports as r
)

select
    d.unit_code,
    d.begins as month,
    d.received_total,
    d.received_online,
    d.received_direct_postal,
    d.carried_over,
    d.resolved_total,
    d.resolved_early,
    d.resolved_on_time,
    d.resolved_overdue,
    d.open_total,
    d.open_in_time,
    d.open_overdue
from dated as d
where d.begins >= %(first_day)s and d.begins + interval '1 month' <= %(known_day)s::date + 1
order by d.unit_code asc, d.begins asc
