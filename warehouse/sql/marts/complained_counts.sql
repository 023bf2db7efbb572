-- Finished dossiers that somebody complained of, by how they kept their time: to be taken off the early and the timely ones.
-- Grain: unit × official (null: none named) × month. Follows dossiers_judged.sql over the few dossiers named in complaints;
-- name_of_officer = the official's name, trimmed and in NFC; %(first_at)s = begin of the period.
select
    j.unit_code,
    {name_of_officer} as officer,
    date_trunc('month', j.finished_at at time zone 'Asia/Ho_Chi_Minh')::date as month,
    count(*) filter (where j.is_early) as early,
    count(*) filter (where j.is_in_time) as in_time
from judged as j
where j.finished_at >= %(first_at)s
group by j.unit_code, {name_of_officer}, date_trunc('month', j.finished_at at time zone 'Asia/Ho_Chi_Minh')
