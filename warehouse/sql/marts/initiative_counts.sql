-- Initiatives of a period, by the day they were recognised or else submitted. Grain: unit × month.
-- Needs: scope, %(first_day)s, %(last_day)s.
with initiatives as (
    {scope}
)

select
    i.unit_code,
    date_trunc('month', coalesce(i.submitted_on, i.recognised_on)::timestamp)::date as month,
    count(*) as initiatives,
    count(*) filter (where i.recognised_on <= %(last_day)s) as recognised
from initiatives as i
where coalesce(i.submitted_on, i.recognised_on) between %(first_day)s and %(last_day)s
group by i.unit_code, date_trunc('month', coalesce(i.submitted_on, i.recognised_on)::timestamp)
