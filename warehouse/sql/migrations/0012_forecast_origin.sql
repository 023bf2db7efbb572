-- Forecasts that follow a score between two nights are told from those a person asked for: only the chain's are judged by alert rules.
alter table forecasts
drop constraint forecasts_origin_check,
add constraint forecasts_origin_check check (origin in ('nightly', 'event', 'forecast', 'demo'));
