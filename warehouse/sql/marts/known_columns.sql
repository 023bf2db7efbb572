-- Columns that some loaded export of a unit has at all: the others are unknown, not zero. Grain: unit × table × column.
-- Needs: %(known_at)s (null: now).
select distinct
    u.unit_code,
    l.target_table,
    c.column_name
from loads as l
inner join load_units as u on l.load_id = u.load_id
cross join lateral unnest(l.mapped_columns) as c (column_name)
where l.known_from <= coalesce(%(known_at)s, 'infinity'::timestamptz)
