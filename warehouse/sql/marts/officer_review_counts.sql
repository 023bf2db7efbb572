-- Months of a period in which officials were reviewed. Grain: unit × month; months is always 1. Needs: scope, %(first_day)s, %(last_day)s.
with reviews as (
    {scope}
)

select distinct
    r.unit_code,
    date_trunc('month', r.month::timestamp)::date as month,
    1 as months
from reviews as r
where
    r.month between %(first_day)s and %(last_day)s
    and (r.reviewed_on is null or r.reviewed_on <= %(known_day)s)
