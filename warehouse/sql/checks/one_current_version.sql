-- Meaning: a source has two versions of one key that are both current. Grain: key × source. Runs on every facts table.
select
    '{facts}' as facts,
    f.source,
    f.key_hash,
    count(*) as versions
from {facts} as f
where f.known_to = 'infinity'
group by f.source, f.key_hash
having count(*) > 1
