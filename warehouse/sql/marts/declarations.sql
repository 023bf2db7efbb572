-- Declared criteria of a year. Grain: unit × criterion. Needs: scope, %(year)s, %(known_day)s.
with declared as (
    {scope}
)

select
    d.unit_code,
    d.criterion_code,
    d.value::double precision as value,
    d.points::double precision as points,
    d.state,
    d.evidence,
    d.load_id,
    d.row_no
from declared as d
where d.year = %(year)s and (d.declared_on is null or d.declared_on <= %(known_day)s)
