-- Dossiers that two sources date differently. Grain: unit × pair of sources × column, with up to five codes.
-- A column that one of them leaves empty is a lag, not a contradiction.
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
    from dossier_twins as t
    inner join dossiers_facts as f on t.key_hash = f.key_hash
    where f.known_to = 'infinity' and f.received_at <= %(as_of)s
),

pairs as (
    select
        a.unit_code,
        a.source as first_source,
        b.source as second_source,
        a.dossier_code,
        c.column_name,
        c.first_at,
        c.second_at
    from spoken as a
    inner join spoken as b on a.key_hash = b.key_hash and a.source < b.source
    cross join lateral (
        values
        ('received_at', a.received_at, b.received_at),
        ('due_at', a.due_at, b.due_at),
        ('finished_at', a.finished_at, b.finished_at)
    ) as c (column_name, first_at, second_at)
)

select
    p.unit_code,
    p.first_source,
    p.second_source,
    p.column_name,
    count(*) as compared,
    count(*) filter (
        where abs(extract(epoch from p.first_at - p.second_at)) > 60 * %(same_minutes)s
    ) as dossiers,
    (
        array_agg(p.dossier_code order by p.dossier_code) filter (
            where abs(extract(epoch from p.first_at - p.second_at)) > 60 * %(same_minutes)s
        )
    )[1:%(examples)s] as codes
from pairs as p
where p.first_at is not null and p.second_at is not null
group by p.unit_code, p.first_source, p.second_source, p.column_name
order by p.unit_code, p.first_source, p.second_source, p.column_name
