-- Exceptions from the application role's usual rights. Runs after the migrations; may be changed at any time.
-- The ledger only grows: what arrived, what was loaded and judged, and what was published is never taken back.
revoke delete, truncate on files, arrivals, loads, load_units, quality_verdicts, quarantine, score_runs from cchc_app;
revoke update on load_units, quality_verdicts, score_runs from cchc_app;
-- What published scores were made of stays as it was.
revoke update, delete, truncate on recipe_parts from cchc_app;
-- Every version of a scenario is kept, and the audit log only grows.
revoke delete, truncate on scenarios from cchc_app;
revoke update, delete, truncate on scenario_versions, audit_log from cchc_app;
-- Forecasts stay as they were given. How good they would have been is reckoned anew.
revoke update, delete, truncate on forecasts, forecast_points from cchc_app;
