-- Dossier codes that two units both have. Grain: pair of units, with up to %(examples)s codes. Needs: %(as_of)s.
-- The key is unit and code: one code (by its hash) under two keys is a suspect; only suspects are looked at as text.
with suspects as (
    select hashtextextended(f.dossier_code, 0) as code_hash
    from dossiers_facts as f
    where f.known_to = 'infinity' and f.received_at <= %(as_of)s
    group by code_hash
    having min(f.key_hash) <> max(f.key_hash)
),

shared as (
    select
        f.dossier_code,
        min(f.unit_code) as first_unit,
        max(f.unit_code) as second_unit
    from dossiers_facts as f
    where
        f.known_to = 'infinity' and f.received_at <= %(as_of)s
        and hashtextextended(f.dossier_code, 0) in (select s.code_hash from suspects as s)
    group by f.dossier_code
    having min(f.unit_code) <> max(f.unit_code)
)

select
    s.first_unit,
    s.second_unit,
    count(*) as dossiers,
    (array_agg(s.dossier_code order by s.dossier_code))[1:%(examples)s] as codes
from shared as s
group by s.first_unit, s.second_unit
order by s.first_unit, s.second_unit
