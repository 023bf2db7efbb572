-- Meaning: a load's row counts do not add up, or the rows of its units exceed what it accepted. Grain: load.
select
    l.load_id,
    l.rows_read,
    l.rows_accepted,
    l.rows_quarantined,
    l.rows_inserted,
    l.rows_unchanged
from loads as l
where
    l.rows_read <> l.rows_accepted + l.rows_quarantined
    or l.rows_accepted <> l.rows_inserted + l.rows_unchanged
    or l.rows_accepted < (
        select coalesce(sum(u.rows_accepted), 0)
        from load_units as u
        where u.load_id = l.load_id
    )
