-- Not tried here: no server with Citus was at hand. A sketch for whoever has one, run by hand on a fresh, empty warehouse.
--
-- Distribution column: unit_code, so that all dossiers of a commune lie on one node and counts by commune stay there.
--
-- What stands in the way, in the order one meets it:
-- 1. A load asks by key_hash alone, although the key names the unit: until it asks by unit_code as well, every load asks every
--    node. Bearable for files of one district, not for a province's file.
-- 2. Advisory locks (table:dossiers, content:…) are of one node: all writers must connect to the same coordinator.
-- 3. Identity columns: load_id must follow commits; keep the ledger (files, loads, load_units, arrivals) as local tables of the
--    coordinator, and give out ids there.
-- 4. Joins by ctid (warehouse/load.py, join_equal; _close) and temporary tables joined with facts do not go to the nodes.
-- 5. Foreign keys from distributed tables to the ledger are not possible; the facts have none, quarantine has (stays local).
--
-- Before this: one PostgreSQL per province (docs/scaling.md). Ranks, scores and forecasts never look across provinces.
create extension if not exists citus;

select create_reference_table('units');
select create_reference_table('calendar_days');
select create_reference_table('procedures_facts');

select create_distributed_table('dossiers_facts', 'unit_code');
select create_distributed_table('survey_forms_facts', 'unit_code', colocate_with => 'dossiers_facts');
select create_distributed_table('officer_reviews_facts', 'unit_code', colocate_with => 'dossiers_facts');
select create_distributed_table('tasks_facts', 'unit_code', colocate_with => 'dossiers_facts');
select create_distributed_table('initiatives_facts', 'unit_code', colocate_with => 'dossiers_facts');
select create_distributed_table('declarations_facts', 'unit_code', colocate_with => 'dossiers_facts');
select create_distributed_table('monthly_reports_facts', 'unit_code', colocate_with => 'dossiers_facts');
select create_distributed_table('published_results_facts', 'unit_code', colocate_with => 'dossiers_facts');
