-- Dossier codes that two units both have. Grain: pair of units, with up to %(examples)s codes. Needs: %(as_of)s.
with shared as (
    select
        f.dossier_code,
        min(f.unit_code) as first_unit,
        max(f.unit_code) as second_unit
    from dossiers_facts as f
    where f.known_to = 'infinity' and f.received_at <= %(as_of)s
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
