-- Months of a period in which officials were reviewed. Grain: unit. Needs: scope, %(first_day)s, %(last_day)s.
with reviews as (
    {scope}
)

select
    r.unit_code,
    count(distinct date_trunc('month', r.month)) as months
from reviews as r
where
    r.month between %(first_day)s and %(last_day)s
    and (r.reviewed_on is null or r.reviewed_on <= %(known_day)s)
group by r.unit_code
