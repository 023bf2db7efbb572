-- Not a migration: run by hand, by the owner, with everything of cchc stopped and a backup at hand (docs/scaling.md).
--
-- dossiers_facts becomes a table partitioned by the hash of its key. Every question of a load is by key (which version is in
-- force?), so a load of one key touches one partition, and each partition's key index stays small enough for memory. By year
-- it would not do: a dossier's next version may carry another date of receipt, its versions must stay together, and an old
-- file that comes late must find them. What a year or a commune needs is asked of the counts (dossier_counts), not of the facts.
--
-- The code sees no difference: same name, same columns, same statements (insert, copy, update of known_to; never of key_hash).
-- The one statement that joins by ctid (warehouse/load.py, join_equal) names the key as well, so two rows of different
-- partitions with one ctid are not taken for each other.
begin;

lock table dossiers_facts in access exclusive mode;

alter table dossiers_facts rename to dossiers_facts_whole;
alter index dossiers_facts_key rename to dossiers_facts_whole_key;
alter index dossiers_facts_closed rename to dossiers_facts_whole_closed;
alter index dossiers_facts_open rename to dossiers_facts_whole_open;
alter index dossiers_facts_added rename to dossiers_facts_whole_added;

create table dossiers_facts (like dossiers_facts_whole including defaults including comments)
partition by hash (key_hash);

create table dossiers_facts_0 partition of dossiers_facts for values with (modulus 8, remainder 0);
create table dossiers_facts_1 partition of dossiers_facts for values with (modulus 8, remainder 1);
create table dossiers_facts_2 partition of dossiers_facts for values with (modulus 8, remainder 2);
create table dossiers_facts_3 partition of dossiers_facts for values with (modulus 8, remainder 3);
create table dossiers_facts_4 partition of dossiers_facts for values with (modulus 8, remainder 4);
create table dossiers_facts_5 partition of dossiers_facts for values with (modulus 8, remainder 5);
create table dossiers_facts_6 partition of dossiers_facts for values with (modulus 8, remainder 6);
create table dossiers_facts_7 partition of dossiers_facts for values with (modulus 8, remainder 7);

insert into dossiers_facts select * from dossiers_facts_whole;

create index dossiers_facts_key on dossiers_facts (key_hash);
create index dossiers_facts_closed on dossiers_facts (closed_by) where closed_by is not null;
create index dossiers_facts_open on dossiers_facts (unit_code) where finished_at is null and known_to = 'infinity';
create index dossiers_facts_added on dossiers_facts (added_by);

drop table dossiers_facts_whole;

-- The next command of cchc gives the application's role its rights on the new tables.
delete from schema_migrations
where name = 'grants';

commit;

analyze dossiers_facts;
