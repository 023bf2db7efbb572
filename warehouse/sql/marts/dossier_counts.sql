-- Counts behind every dossier measure. Grain: part (received | finished | open) × unit × month (open: null).
-- Follows dossiers_judged.sql; sums = the sums of all counters; subject = whose dossiers are counted together, called
-- unit_code: the unit, or `unit|official`. Counts only, no points.
-- {judged_before}
-- Months are numbered from January 1970 and found among their beginnings in Việt Nam: much cheaper than date_trunc.
, months as ( -- noqa: LT04
    select array_agg(s.local_begin at time zone 'Asia/Ho_Chi_Minh' order by s.local_begin) as starts
    from generate_series(timestamp '1970-01-01', timestamp '2099-12-01', interval '1 month') as s (local_begin)
),

cells as (
    select
        {subject} as unit_code,
        width_bucket(j.received_at, (select m.starts from months as m)) as received_month,
        width_bucket(j.finished_at, (select m.starts from months as m)) as finished_month,
        count(*) as dossiers,
        count(*) filter (where j.channel = 'online') as online,
        count(*) filter (where j.channel = 'postal') as postal,
        count(*) filter (where j.channel is null) as channel_unknown,
        count(*) filter (where j.fee_amount > 0) as fee_due,
        count(*) filter (where j.fee_amount is null) as fee_unknown,
        count(*) filter (where j.fee_amount > 0 and j.paid_online) as fee_paid_online,
        count(*) filter (where j.fee_amount > 0 and j.paid_online is null) as fee_paid_unknown,
        count(j.components_digitised) as components_known,
        count(*) filter (where j.components_digitised) as components_digitised,
        count(j.result_digitised) as result_known,
        count(*) filter (where j.result_digitised) as result_digitised,
        count(j.supplement_count) as supplement_known,
        count(*) filter (where j.supplement_count > 1) as supplement_repeated,
        count(j.due_at) as due_known,
        count(*) filter (where j.is_past_due) as past_due,
        count(*) filter (where j.is_qd766_counted) as qd766_counted,
        count(*) filter (where j.is_qd766_late) as qd766_late,
        count(*) filter (where j.is_provincial_766_counted) as provincial_766_counted,
        count(*) filter (where j.is_provincial_766_late) as provincial_766_late,
        count(*) filter (where j.is_ii06_counted) as ii06_counted,
        count(*) filter (where j.is_ii06_late) as ii06_late,
        count(*) filter (where j.is_opencps_counted) as opencps_counted,
        count(*) filter (where j.is_opencps_late) as opencps_late,
        count(*) filter (where j.channel = 'online' and j.result_electronic and j.finished_at is not null)
            as online_electronic,
        count(*) filter (where j.channel = 'online' and j.result_electronic is null and j.finished_at is not null)
            as online_result_unknown,
        count(j.result_electronic) as electronic_known,
        count(*) filter (where j.result_electronic) as electronic,
        count(*) filter (where j.components_digitised and j.reused_data is not null) as reused_known,
        count(*) filter (where j.components_digitised and j.reused_data) as reused,
        count(*) filter (where j.is_early) as early,
        count(*) filter (where j.is_in_time) as in_time,
        count(j.internal_due_at) as internal_known,
        count(*) filter (where j.is_internal_early) as internal_early,
        count(*) filter (where j.is_internal_in_time) as internal_in_time,
        count(*) filter (where j.supplement_count = 0) as supplement_none
    from judged as j
    group by {subject}, received_month, finished_month
)

select
    case when grouping(c.received_month) = 0 then 'received' when c.finished_month is null then 'open' else 'finished' end
        as part,
    c.unit_code,
    (
        date '1969-12-01'
        + make_interval(months => case when grouping(c.received_month) = 0 then c.received_month else c.finished_month end)
    )::date as month,
    {sums}
from cells as c
group by grouping sets ((c.unit_code, c.received_month), (c.unit_code, c.finished_month))
