#!/bin/bash
# Runs once, on an empty data folder, inside the database's container: a role and a database for Prefect, apart from ours, and
# our own database for a role that is no superuser. The passwords go in by standard input.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<SQL
create role cchc login password '$(cat /run/secrets/db_password)';
create role cchc_prefect login connection limit 40 password '$(cat /run/secrets/prefect_password)';
create database cchc owner cchc;
create database prefect owner cchc_prefect;
revoke connect on database cchc from public;
revoke connect on database prefect from public;
SQL
