-- Dossiers as they stood at an instant, each judged by every definition of "late". Grain: dossier.
-- The beginning of a statement: another file of this folder follows it and selects from `judged`.
-- Needs: scope = versions of dossier facts, one per key and source; filter = condition on merged rows; procedures = condition
--        on the versions of the list of procedures;
--        %(as_of)s = the instant the question is about. Later events have not happened yet.
-- Definitions of "late": the table in docs/measures.md (qd766, provincial_766, ii06, opencps).
with versions as not materialized (
    {scope}
),

procedures_known as (
    select distinct on (f.procedure_code)
        f.procedure_code,
        f.max_working_days
    from procedures_facts as f
    where {procedures} and f.max_working_days is not null
    order by f.procedure_code asc, f.source asc, f.known_from desc
),

merged as (
    select
        v.load_id,
        v.row_no,
        v.dossier_code,
        v.officer,
        v.department,
        v.unit_code,
        v.channel,
        v.procedure_code,
        v.procedure_name,
        v.received_at,
        v.due_at,
        v.internal_due_at,
        v.finished_at,
        v.returned_at,
        v.status,
        v.supplement_count,
        v.supplement_requested_at,
        v.fee_amount,
        v.paid_online,
        v.components_digitised,
        v.result_digitised,
        v.result_electronic,
        v.reused_data,
        v.withdrawn
    from versions as v
    where not exists (
        select 1
        from dossier_twins as t
        where t.key_hash = v.key_hash
    )
    union all
    -- The same dossier in several sources: column by column, the one-stop software first, the portal last.
    select
        (array_agg(v.load_id order by v.precedence))[1],
        (array_agg(v.row_no order by v.precedence))[1],
        min(v.dossier_code),
        (array_agg(v.officer order by v.precedence) filter (where v.officer is not null))[1],
        (array_agg(v.department order by v.precedence) filter (where v.department is not null))[1],
        (array_agg(v.unit_code order by v.precedence) filter (where v.unit_code is not null))[1],
        (array_agg(v.channel order by v.precedence) filter (where v.channel is not null))[1],
        (array_agg(v.procedure_code order by v.precedence) filter (where v.procedure_code is not null))[1],
        (array_agg(v.procedure_name order by v.precedence) filter (where v.procedure_name is not null))[1],
        (array_agg(v.received_at order by v.precedence) filter (where v.received_at is not null))[1],
        (array_agg(v.due_at order by v.precedence) filter (where v.due_at is not null))[1],
        (array_agg(v.internal_due_at order by v.precedence) filter (where v.internal_due_at is not null))[1],
        (array_agg(v.finished_at order by v.precedence) filter (where v.finished_at is not null))[1],
        (array_agg(v.returned_at order by v.precedence) filter (where v.returned_at is not null))[1],
        (array_agg(v.status order by v.precedence) filter (where v.status is not null))[1],
        (array_agg(v.supplement_count order by v.precedence) filter (where v.supplement_count is not null))[1],
        (array_agg(v.supplement_requested_at order by v.precedence)
            filter (where v.supplement_requested_at is not null))[1],
        (array_agg(v.fee_amount order by v.precedence) filter (where v.fee_amount is not null))[1],
        (array_agg(v.paid_online order by v.precedence) filter (where v.paid_online is not null))[1],
        (array_agg(v.components_digitised order by v.precedence)
            filter (where v.components_digitised is not null))[1],
        (array_agg(v.result_digitised order by v.precedence) filter (where v.result_digitised is not null))[1],
        (array_agg(v.result_electronic order by v.precedence) filter (where v.result_electronic is not null))[1],
        (array_agg(v.reused_data order by v.precedence) filter (where v.reused_data is not null))[1],
        (array_agg(v.withdrawn order by v.precedence) filter (where v.withdrawn is not null))[1]
    from (
        select
            w.*,
            (case w.source when 'one_stop' then '0' when 'portal' then '2' else '1' end) || w.source as precedence
        from versions as w
        where exists (
            select 1
            from dossier_twins as t
            where t.key_hash = w.key_hash
        )
    ) as v
    group by v.key_hash
),

-- What had happened by the instant asked about.
happened as (
    select
        d.load_id,
        d.row_no,
        d.dossier_code,
        d.officer,
        d.department,
        d.unit_code,
        d.channel,
        d.procedure_code,
        d.procedure_name,
        d.received_at,
        d.due_at,
        d.internal_due_at,
        case when d.finished_at <= %(as_of)s then d.finished_at end as finished_at,
        case when d.returned_at <= %(as_of)s then d.returned_at end as returned_at,
        d.supplement_count,
        d.fee_amount,
        d.paid_online,
        d.components_digitised,
        d.result_digitised,
        d.result_electronic,
        d.reused_data,
        coalesce(d.withdrawn, false) or coalesce(d.status = 'withdrawn', false) as is_withdrawn,
        coalesce(d.status = 'refused', false) as is_refused,
        case
            when d.status = 'waiting_supplement' and d.supplement_requested_at <= %(as_of)s
                then d.supplement_requested_at
            when d.status = 'waiting_supplement' and d.supplement_requested_at is null then d.received_at
        end as waiting_since,
        -- QĐ 766: without a due date the procedure's longest time counts, to the end of its last working day.
        coalesce(d.due_at, (last_day.day + time '23:59:59') at time zone 'Asia/Ho_Chi_Minh') as qd766_due_at
    from merged as d
    left join procedures_known as p
        on case when d.due_at is null then d.procedure_code end = p.procedure_code
    left join calendar_days as first_day
        on case when d.due_at is null then (d.received_at at time zone 'Asia/Ho_Chi_Minh')::date end = first_day.day
    left join calendar_days as last_day
        on first_day.working_ordinal + p.max_working_days = last_day.working_ordinal and last_day.is_working
    where d.received_at <= %(as_of)s and ({filter})
),

judged as (
    select
        h.load_id,
        h.row_no,
        h.dossier_code,
        h.officer,
        h.department,
        h.unit_code,
        h.channel,
        h.procedure_code,
        h.procedure_name,
        h.received_at,
        h.due_at,
        h.finished_at,
        h.supplement_count,
        h.fee_amount,
        h.paid_online,
        h.components_digitised,
        h.result_digitised,
        h.result_electronic,
        h.reused_data,
        h.internal_due_at,
        h.qd766_due_at,
        coalesce(h.finished_at, %(as_of)s) > h.due_at as is_past_due,
        h.finished_at <= h.due_at as is_in_time,
        -- Early: finished before the due day began in Việt Nam. date_bin is bare arithmetic, much cheaper than time zones.
        h.finished_at < date_bin('1 day', h.due_at, timestamptz '1999-12-31 17:00:00+00') as is_early,
        h.finished_at <= h.internal_due_at as is_internal_in_time,
        h.finished_at < date_bin('1 day', h.internal_due_at, timestamptz '1999-12-31 17:00:00+00') as is_internal_early,
        h.qd766_due_at is not null or coalesce(h.supplement_count > 1, false) as is_qd766_counted,
        coalesce(h.supplement_count > 1, false)
        or coalesce(h.finished_at, h.waiting_since, %(as_of)s) > h.qd766_due_at as is_qd766_late,
        true as is_provincial_766_counted,
        not h.is_withdrawn
        and (h.finished_at is not null or h.waiting_since is null)
        and coalesce(h.finished_at, %(as_of)s) > h.due_at -- spares most rows the days
        and (coalesce(h.finished_at, %(as_of)s) at time zone 'Asia/Ho_Chi_Minh')::date
        > (h.due_at at time zone 'Asia/Ho_Chi_Minh')::date as is_provincial_766_late,
        h.finished_at is not null and h.due_at is not null as is_ii06_counted,
        h.finished_at is not null and coalesce(h.returned_at, h.finished_at) > h.due_at as is_ii06_late,
        h.finished_at is not null and h.due_at is not null and not h.is_withdrawn and not h.is_refused
            as is_opencps_counted,
        h.finished_at > h.due_at and not h.is_withdrawn and not h.is_refused as is_opencps_late
    from happened as h
)
-- {counts_follow}
