-- Meaning: a dossier that several sources speak about is not known as such, so its sources would be counted apart.
-- Grain: dossier.
select f.key_hash
from dossiers_facts as f
where not exists (
    select 1
    from dossier_twins as t
    where t.key_hash = f.key_hash
)
group by f.key_hash
having min(f.source) <> max(f.source)
