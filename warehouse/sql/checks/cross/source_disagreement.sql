-- Dossiers that two sources date differently. Grain: unit × pair of sources × column, with up to five codes.
-- A column that one of them leaves empty is a lag, not a contradiction. compared = dossiers of the unit that both speak of.
-- Needs: %(as_of)s, %(same_minutes)s = differences up to this are one instant, %(examples)s = how many codes to show.
with spoken as (
    select
        f.key_hash,
        f.source,
        f.unit_code,
        f.dossier_code,
        f.received_at,
        f.due_at,
        f.finished_at
    from dossiers_facts as f
    where
        f.known_to = 'infinity' and f.received_at <= %(as_of)s
        and f.key_hash in (select t.key_hash from dossier_twins as t)
),

pairs as materialized (
    select
        a.unit_code,
        a.source as first_source,
        b.source as second_source,
        a.dossier_code,
        a.received_at - b.received_at as received_apart,
        a.due_at - b.due_at as due_apart,
        a.finished_at - b.finished_at as finished_apart
    from spoken as a
    inner join spoken as b on a.key_hash = b.key_hash and a.source < b.source
),

compared as (
    select
        p.unit_code,
        p.first_source,
        p.second_source,
        count(*) as dossiers
    from pairs as p
    group by p.unit_code, p.first_source, p.second_source
),

contradictions as (
    select
        p.unit_code,
        p.first_source,
        p.second_source,
        p.dossier_code,
        c.column_name
    from pairs as p
    cross join lateral (
        values
        ('received_at', p.received_apart),
        ('due_at', p.due_apart),
        ('finished_at', p.finished_apart)
    ) as c (column_name, apart)
    where greatest(c.apart, -c.apart) > make_interval(mins => %(same_minutes)s)
)

select
    c.unit_code,
    c.first_source,
    c.second_source,
    c.column_name,
    d.dossiers as compared,
    count(*) as dossiers,
    (array_agg(c.dossier_code order by c.dossier_code))[1:%(examples)s] as codes
from contradictions as c
inner join compared as d
    on c.unit_code = d.unit_code and c.first_source = d.first_source and c.second_source = d.second_source
group by c.unit_code, c.first_source, c.second_source, c.column_name, d.dossiers
order by c.unit_code, c.first_source, c.second_source, c.column_name
