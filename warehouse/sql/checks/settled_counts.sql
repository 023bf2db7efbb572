-- Meaning: the monthly counts of finished dossiers differ from a recount of the facts they follow. Grain: part × unit × month.
-- Judged only when the counts have followed every load. Needs: recount = sql/marts/dossier_counts.sql over current facts.
with recount as (
    {recount}
)

select
    coalesce(r.part, c.part) as part,
    coalesce(r.unit_code, c.unit_code) as unit_code,
    coalesce(r.month, c.month) as month,
    r.dossiers as recounted,
    c.dossiers as kept
from recount as r
full outer join dossier_month_counts as c on r.part = c.part and r.unit_code = c.unit_code and r.month = c.month
where
    to_jsonb(r) is distinct from to_jsonb(c)
    and not (r.part is null and c.dossiers = 0)
    and exists (
        select 1
        from mart_state as s
        where
            s.applied_load_id = (
                select coalesce(max(l.load_id), 0)
                from loads as l
                where l.target_table = 'dossiers'
            )
            and s.procedures_load_id = (select coalesce(max(p.added_by), 0) from procedures_facts as p)
            and s.calendar_version = (
                select v.version
                from register_versions as v
                where v.register = 'calendar'
            )
    )
