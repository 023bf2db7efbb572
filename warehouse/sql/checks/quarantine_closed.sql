-- Meaning: an entry of the quarantine is open and closed at once, or closed without a time. Grain: quarantine entry.
select
    q.quarantine_id,
    q.state,
    q.closed_at
from quarantine as q
where (q.state = 'open') is distinct from (q.closed_at is null)
