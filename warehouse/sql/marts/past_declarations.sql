-- Declared criteria of the years before %(year)s, as they ended. Grain: unit × year × criterion. Needs: scope, %(known_day)s.
with declared as (
    {scope}
)

select
    d.unit_code,
    d.year,
    d.criterion_code,
    d.value::double precision as value,
    d.points::double precision as points,
    d.state,
    d.declared_on
from declared as d
where d.year < %(year)s and (d.declared_on is null or d.declared_on <= %(known_day)s)
order by d.unit_code asc, d.year asc, d.criterion_code asc
