-- Meaning: facts of a unit that the register of units does not hold. Grain: unit × source. Runs on every facts table
-- with units.
select
    '{facts}' as facts,
    f.source,
    f.unit_code,
    count(*) as versions
from {facts} as f
where
    f.unit_code is not null
    and not exists (
        select 1
        from units as u
        where u.unit_id = f.unit_code
    )
group by f.source, f.unit_code
