-- The last day on which a unit received or finished a dossier, as far as is known. Grain: unit. Needs: scope, %(as_of)s.
with versions as (
    {scope}
),

events as (
    select
        v.unit_code,
        greatest(
            case when v.received_at <= %(as_of)s then v.received_at end,
            case when v.finished_at <= %(as_of)s then v.finished_at end
        ) as happened_at
    from versions as v
)

select
    e.unit_code,
    (max(e.happened_at) at time zone 'Asia/Ho_Chi_Minh')::date as last_day
from events as e
where e.happened_at is not null
group by e.unit_code
order by e.unit_code asc
