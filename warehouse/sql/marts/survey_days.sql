-- Days of a span on which satisfaction forms were answered. Grain: unit × day. Needs: scope, %(first_day)s, %(last_day)s.
with forms as (
    {scope}
)

select distinct
    f.unit_code,
    f.answered_on
from forms as f
where f.answered_on between %(first_day)s and %(last_day)s
