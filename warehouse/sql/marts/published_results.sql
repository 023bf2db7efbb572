-- Results announced for the years before %(year)s by a day. Grain: unit × year. Needs: scope, %(known_day)s.
with results as (
    {scope}
)

select
    r.unit_code,
    r.year,
    r.index::double precision as index,
    r.grade,
    r.rank,
    r.published_on
from results as r
where r.year < %(year)s and (r.published_on is null or r.published_on <= %(known_day)s)
order by r.unit_code asc, r.year asc
