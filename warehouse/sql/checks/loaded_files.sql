-- Meaning: a file's state in the ledger contradicts its loads. Grain: file.
select
    f.sha256,
    f.state,
    count(l.load_id) as loads
from files as f
left join loads as l on f.sha256 = l.sha256 and l.kind = 'file'
group by f.sha256, f.state
having (f.state = 'loaded') <> (count(l.load_id) = 1)
