-- What the monthly report II.06a says beside what the dossiers say. Grain: unit × month × figure, whole months only.
-- Units without dossiers have nothing to compare; a month before the first or after the last dossier of a unit neither.
-- An overdue figure between the two ways to count (by return: ii06; by finishing: opencps) is no difference.
-- Needs: temporary table month_counts (sql/marts/dossier_counts.sql by month), %(last_day)s = the last whole day.
with reports as (
    select distinct on (m.key_hash)
        m.unit_code,
        make_date(m.year, m.month, 1) as month,
        coalesce(m.received_online + m.received_direct_postal, m.received_total - m.carried_over) as received,
        m.received_online,
        m.resolved_total,
        m.resolved_overdue,
        coalesce(m.carried_over, 0) as carried_over
    from monthly_reports_facts as m
    where m.known_to = 'infinity' and m.month between 1 and 12 and m.year between 1900 and 2999
    order by m.key_hash asc, m.source asc
),

spans as (
    select
        c.unit_code,
        min(c.month) as first_month,
        max(c.month) as last_month
    from month_counts as c
    where c.part = 'received'
    group by c.unit_code
),

beside as (
    select
        r.unit_code,
        r.month,
        r.received,
        r.received_online,
        r.resolved_total,
        r.resolved_overdue,
        -- What was carried into a unit's first month of dossiers is not among them.
        r.month > s.first_month or r.carried_over = 0 as is_resolved_comparable,
        coalesce(n.dossiers, 0) as came,
        coalesce(n.online, 0) as came_online,
        coalesce(n.channel_unknown, 0) as channel_unknown,
        coalesce(f.dossiers, 0) as finished,
        coalesce(least(f.ii06_late, f.opencps_late), 0) as late_from,
        coalesce(greatest(f.ii06_late, f.opencps_late), 0) as late_to
    from reports as r
    inner join spans as s on r.unit_code = s.unit_code and r.month between s.first_month and s.last_month
    left join month_counts as n on r.unit_code = n.unit_code and r.month = n.month and n.part = 'received'
    left join month_counts as f on r.unit_code = f.unit_code and r.month = f.month and f.part = 'finished'
    where (r.month + interval '1 month')::date <= %(last_day)s::date + 1
),

figures as (
    select
        b.unit_code,
        b.month,
        g.figure,
        g.reported,
        g.counted,
        g.reported - g.counted as difference
    from beside as b
    cross join lateral (
        values
        ('received', b.received, b.came),
        (
            'received_online',
            case when b.channel_unknown = 0 then b.received_online end,
            b.came_online
        ),
        ('resolved', case when b.is_resolved_comparable then b.resolved_total end, b.finished),
        (
            'resolved_overdue',
            case when b.is_resolved_comparable then b.resolved_overdue end,
            least(greatest(b.resolved_overdue, b.late_from), b.late_to)
        )
    ) as g (figure, reported, counted)
)

select
    f.unit_code,
    f.month,
    f.figure,
    f.reported,
    f.counted,
    f.difference
from figures as f
where f.difference <> 0
order by f.unit_code, f.month, f.figure
