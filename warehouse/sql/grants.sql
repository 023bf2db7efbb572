-- Exceptions from the application role's usual rights. Runs after the migrations; may be changed at any time.
-- The ledger only grows: what arrived, what was loaded and judged, and what was published is never taken back.
revoke delete, truncate on files, arrivals, loads, load_units, quality_verdicts, quarantine, score_runs from cchc_app;
revoke update on load_units, quality_verdicts, score_runs from cchc_app;
