-- Counts behind every dossier measure. Grain: part (received | finished | open) × unit × month (open: null).
-- Follows dossiers_judged.sql; sums = the sums of all counters. Counts only, no points.
-- {judged_before}
, cells as ( -- noqa: LT04
    select
        j.unit_code,
        date_trunc('month', j.received_at at time zone 'Asia/Ho_Chi_Minh')::date as received_month,
        date_trunc('month', j.finished_at at time zone 'Asia/Ho_Chi_Minh')::date as finished_month,
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
        count(*) filter (where j.is_opencps_late) as opencps_late
    from judged as j
    group by j.unit_code, received_month, finished_month
)

select
    case when grouping(c.received_month) = 0 then 'received' when c.finished_month is null then 'open' else 'finished' end
        as part,
    c.unit_code,
    case when grouping(c.received_month) = 0 then c.received_month else c.finished_month end as month,
    {sums}
from cells as c
group by grouping sets ((c.unit_code, c.received_month), (c.unit_code, c.finished_month))
