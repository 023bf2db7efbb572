-- Counters behind the measures of QĐ 766 and of the one-stop evaluation. The counts are built anew at the next refresh.
alter table dossier_month_counts
add column online_electronic bigint not null default 0,
add column online_result_unknown bigint not null default 0,
add column electronic_known bigint not null default 0,
add column electronic bigint not null default 0,
add column reused_known bigint not null default 0,
add column reused bigint not null default 0,
add column early bigint not null default 0,
add column in_time bigint not null default 0,
add column internal_known bigint not null default 0,
add column internal_early bigint not null default 0,
add column internal_in_time bigint not null default 0,
add column supplement_none bigint not null default 0;

delete from mart_state
where mart = 'dossier_month_counts';
