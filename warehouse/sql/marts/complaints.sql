-- Forms that complain: of an official by name, or of how officials handled a dossier. Grain: form. No comment: it may name people.
-- A form complains of the official it names when it rates officials 1 or 2; without that answer, when its overall answer is
-- 1 or 2; without both, when it carries a comment. A form that names an official and is content is praise.
-- Needs: scope, %(last_day)s = the last day on which a form counts.
with forms as (
    {scope}
),

rated as (
    select
        f.unit_code,
        f.form_code,
        f.answered_on,
        f.dossier_code,
        nullif(btrim(normalize(f.named_official)), '') as official,
        f.officials <= 2 as is_about_officials,
        coalesce(
            coalesce(f.officials, f.overall) <= 2,
            btrim(f.comment) <> '',
            false
        ) as is_discontent
    from forms as f
    where f.answered_on <= %(last_day)s
)

select
    r.unit_code,
    r.form_code,
    r.answered_on,
    r.dossier_code,
    case when r.is_discontent then r.official end as official
from rated as r
where r.is_about_officials or (r.official is not null and r.is_discontent)
order by r.unit_code asc, r.answered_on asc, r.form_code asc
