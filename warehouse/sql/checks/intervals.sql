-- Meaning: a version ends before it begins, or two versions of one key were known at the same time. Grain: version.
-- An empty interval is fine: another file of the same instant had the last word. Runs on every facts table.
with versions as (
    select
        f.source,
        f.key_hash,
        f.load_id,
        f.row_no,
        f.known_from,
        f.known_to,
        lead(f.known_from) over (partition by f.source, f.key_hash order by f.known_from asc, f.known_to asc) as next_from
    from {facts} as f
    where
        f.known_from <> f.known_to
        -- Keys without a closed version have current ones only: sql/checks/one_current_version.sql.
        and f.key_hash in (
            select c.key_hash
            from {facts} as c
            where c.known_to < 'infinity'
        )
)

select
    '{facts}' as facts,
    v.source,
    v.key_hash,
    v.load_id,
    v.row_no,
    v.known_from,
    v.known_to,
    v.next_from
from versions as v
where v.known_from > v.known_to or v.next_from < v.known_to
