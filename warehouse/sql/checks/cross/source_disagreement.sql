-- Dossiers that two sources date differently. Grain: unit × sources × column, with up to %(examples)s codes.
-- A column that one of them leaves empty is a lag, not a contradiction. compared = dossiers of the unit that both speak of.
-- Needs: %(as_of)s, %(same_minutes)s = differences up to this are one instant, %(examples)s = how many codes to show.
-- One pass by key and no join of the sources: right after a load the planner does not know yet how many there are.
with spoken as materialized (
    select
        min(f.unit_code) as unit_code,
        min(f.source) as first_source,
        max(f.source) as second_source,
        min(f.dossier_code) as dossier_code,
        max(f.received_at) - min(f.received_at) as received_apart,
        max(f.due_at) - min(f.due_at) as due_apart,
        max(f.finished_at) - min(f.finished_at) as finished_apart
    from dossiers_facts as f
    where
        f.known_to = 'infinity' and f.received_at <= %(as_of)s
        and f.key_hash in (select t.key_hash from dossier_twins as t)
    group by f.key_hash
    having min(f.source) <> max(f.source)
),

contradictions as (
    select
        s.unit_code,
        s.first_source,
        s.second_source,
        s.dossier_code,
        c.column_name
    from spoken as s
    cross join lateral (
        values
        ('received_at', s.received_apart),
        ('due_at', s.due_apart),
        ('finished_at', s.finished_apart)
    ) as c (column_name, apart)
    where c.apart > make_interval(mins => %(same_minutes)s)
)

select
    c.unit_code,
    c.first_source,
    c.second_source,
    c.column_name,
    (
        select count(*)
        from spoken as s
        where s.unit_code = c.unit_code
    ) as compared,
    count(*) as dossiers,
    (array_agg(c.dossier_code order by c.dossier_code))[1:%(examples)s] as codes
from contradictions as c
group by c.unit_code, c.first_source, c.second_source, c.column_name
order by c.unit_code, c.first_source, c.second_source, c.column_name
