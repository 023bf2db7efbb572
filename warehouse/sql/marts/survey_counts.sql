-- Satisfaction forms answered in a period, all answers together and each factor apart. Grain: unit × month.
-- An answer of 4 or 5 is satisfied; the five factors weigh alike; a form without factor answers counts its overall answer.
-- Needs: scope, %(first_day)s, %(last_day)s.
with forms as (
    {scope}
),

answers as (
    select
        f.unit_code,
        f.answered_on,
        num_nonnulls(f.access, f.procedures, f.officials, f.results, f.feedback) as factor_answers,
        (f.access >= 4)::integer as access_ok,
        (f.procedures >= 4)::integer as procedures_ok,
        (f.officials >= 4)::integer as officials_ok,
        (f.results >= 4)::integer as results_ok,
        (f.feedback >= 4)::integer as feedback_ok,
        f.access,
        f.procedures,
        f.officials,
        f.results,
        f.feedback,
        f.overall
    from forms as f
    where f.answered_on between %(first_day)s and %(last_day)s
)

select
    a.unit_code,
    date_trunc('month', a.answered_on::timestamp)::date as month,
    count(*) as forms,
    sum(
        case
            when a.factor_answers > 0
                then
                    coalesce(a.access_ok, 0) + coalesce(a.procedures_ok, 0) + coalesce(a.officials_ok, 0)
                    + coalesce(a.results_ok, 0) + coalesce(a.feedback_ok, 0)
            else coalesce((a.overall >= 4)::integer, 0)
        end
    )::bigint as satisfied,
    sum(case when a.factor_answers > 0 then a.factor_answers else num_nonnulls(a.overall) end)::bigint as answers,
    count(a.access) as access_answers,
    count(*) filter (where a.access >= 4) as access_satisfied,
    count(a.procedures) as procedures_answers,
    count(*) filter (where a.procedures >= 4) as procedures_satisfied,
    count(a.officials) as officials_answers,
    count(*) filter (where a.officials >= 4) as officials_satisfied,
    count(a.results) as results_answers,
    count(*) filter (where a.results >= 4) as results_satisfied,
    count(a.feedback) as feedback_answers,
    count(*) filter (where a.feedback >= 4) as feedback_satisfied,
    count(a.overall) as overall_answers,
    count(*) filter (where a.overall >= 4) as overall_satisfied,
    count(distinct a.answered_on) filter (where c.is_working) as days_with_forms
from answers as a
left join calendar_days as c on a.answered_on = c.day
group by a.unit_code, date_trunc('month', a.answered_on::timestamp)
