-- Working days by month: those that have happened by a day, and those to come until another. Grain: month.
-- Needs: %(first_day)s, %(known_day)s = the last day that has happened, %(last_day)s.
select
    date_trunc('month', c.day::timestamp)::date as month,
    count(*) filter (where c.is_working and c.day <= %(known_day)s) as worked,
    count(*) filter (where c.is_working and c.day > %(known_day)s) as left_over
from calendar_days as c
where c.day between %(first_day)s and %(last_day)s
group by date_trunc('month', c.day::timestamp)
order by date_trunc('month', c.day::timestamp)
