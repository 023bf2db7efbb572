-- The last event each source tells of each unit. Grain: source × unit. Needs: %(as_of)s.
with told as (
    select
        d.source,
        d.unit_code,
        (max(d.received_at) at time zone 'Asia/Ho_Chi_Minh')::date as last_day
    from dossiers_facts as d
    where d.known_to = 'infinity' and d.received_at <= %(as_of)s
    group by d.source, d.unit_code
    union all
    select
        s.source,
        s.unit_code,
        max(s.answered_on)
    from survey_forms_facts as s
    where s.known_to = 'infinity' and s.answered_on <= %(as_of)s
    group by s.source, s.unit_code
    union all
    select
        o.source,
        o.unit_code,
        (max(o.month) + interval '1 month' - interval '1 day')::date
    from officer_reviews_facts as o
    where o.known_to = 'infinity' and o.month <= %(as_of)s
    group by o.source, o.unit_code
    union all
    select
        m.source,
        m.unit_code,
        (max(make_date(m.year, m.month, 1)) + interval '1 month' - interval '1 day')::date
    from monthly_reports_facts as m
    where
        m.known_to = 'infinity' and m.month between 1 and 12 and m.year between 1900 and 2999
        and make_date(m.year, m.month, 1) <= %(as_of)s
    group by m.source, m.unit_code
)

select
    t.source,
    t.unit_code,
    t.last_day,
    (%(as_of)s::timestamptz at time zone 'Asia/Ho_Chi_Minh')::date - t.last_day as silent_days
from told as t
where t.unit_code is not null and t.last_day is not null
order by t.source, t.unit_code
