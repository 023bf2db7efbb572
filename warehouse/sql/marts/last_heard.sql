-- When the last file that speaks of some units came. Grain: table. Needs: %(units)s, %(known_at)s (null: now).
select
    l.target_table,
    max(l.known_from) as heard_at
from loads as l
inner join load_units as u on l.load_id = u.load_id
where u.unit_code = any(%(units)s) and l.known_from <= coalesce(%(known_at)s, 'infinity'::timestamptz)
group by l.target_table
