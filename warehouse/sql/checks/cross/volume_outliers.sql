-- Dossiers received in a month beside the unit's own other months. Grain: unit × whole month.
-- expected = the unit's median month × the season of the month (the median over units of month / own median, when at
-- least %(season_units)s units tell). z = robust: deviation from expected in the unit's median absolute deviations
-- (scaled to a standard deviation), never less than the scatter of a Poisson count.
-- Needs: temporary table month_counts, %(last_day)s, %(min_months)s, %(season_units)s.
with spans as (
    select
        c.unit_code,
        min(c.month) as first_month,
        max(c.month) as last_month
    from month_counts as c
    where c.part = 'received'
    group by c.unit_code
),

months as (
    select
        s.unit_code,
        g.month::date as month,
        coalesce(c.dossiers, 0)::double precision as dossiers
    from spans as s
    cross join lateral generate_series(s.first_month, s.last_month, interval '1 month') as g (month)
    left join month_counts as c on s.unit_code = c.unit_code and g.month::date = c.month and c.part = 'received'
    where (g.month + interval '1 month')::date <= %(last_day)s::date + 1
),

usual as (
    select
        m.unit_code,
        percentile_cont(0.5) within group (order by m.dossiers) as median
    from months as m
    group by m.unit_code
    having count(*) >= %(min_months)s
),

seasons as (
    select
        m.month,
        case
            when count(*) >= %(season_units)s then percentile_cont(0.5) within group (order by m.dossiers / u.median)
            else 1
        end as season
    from months as m
    inner join usual as u on m.unit_code = u.unit_code
    where u.median > 0
    group by m.month
),

beside as (
    select
        m.unit_code,
        m.month,
        m.dossiers,
        u.median * s.season as expected
    from months as m
    inner join usual as u on m.unit_code = u.unit_code
    inner join seasons as s on m.month = s.month
),

scatter as (
    select
        b.unit_code,
        1.4826 * percentile_cont(0.5) within group (order by abs(b.dossiers - b.expected)) as deviation
    from beside as b
    group by b.unit_code
)

select
    b.unit_code,
    b.month,
    b.dossiers::bigint as dossiers,
    round(b.expected)::bigint as expected,
    (b.dossiers - b.expected) / greatest(s.deviation, sqrt(b.expected), 1) as z
from beside as b
inner join scatter as s on b.unit_code = s.unit_code
order by b.unit_code, b.month
