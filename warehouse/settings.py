"""Making and configuring the embedded PostgreSQL: data folder, configuration files, roles and database.

Bounded for a machine of two cores and a few GiB of memory. Values of rows never reach the log: failed
statements and the details of errors (which quote keys) are left out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from warehouse import place
from warehouse.errors import DatabaseError, first_line
from warehouse.place import Place
from warehouse.provider import Runner

DATABASE = "cchc"
USERS = {"superuser": "postgres", "owner": "cchc_owner", "app": "cchc_app"}
PORT = 5432
_SOCKET_LIMIT = 103  # bytes, on every system; Linux takes 107

_HBA = "# Written at every start. Passwords only, private socket only.\nlocal all all scram-sha-256\n"

_BOOTSTRAP_LOCK = 0x43434843_0000

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "superuser_reserved_connections": "3",
    "shared_buffers": "192MB",
    "huge_pages": "off",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    "temp_buffers": "32MB",
    "temp_file_limit": "20GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_buffers": "16MB",
    "min_wal_size": "160MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "io_method": "sync",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "1",
    "max_parallel_maintenance_workers": "1",
    "autovacuum_max_workers": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, DMY",
    "client_encoding": "UTF8",
    "lc_messages": "C",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_file_mode": "0600",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_line_prefix": "%m [%p] %q%a %u@%d ",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_statement": "none",
}


def quotable(path: Path) -> bool:
    """Whether a socket folder with this path works as a connection parameter (libpq splits at commas)."""
    text = str(path)
    return text.isprintable() and not any(sign in text for sign in ",'\"\\")


def files(socket_folder: Path) -> dict[str, str]:
    """File name → content of the server's configuration."""
    values = {**_SETTINGS, "unix_socket_directories": str(socket_folder), "port": str(PORT)}
    try:  # containers often give 64 MB of shared memory, too little for parallel joins
        roomy = os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 256 * 1024**2
        values["dynamic_shared_memory_type"] = "posix" if roomy or not os.path.isdir("/dev/shm") else "mmap"
    except OSError:
        values["dynamic_shared_memory_type"] = "mmap"
    lines = [f"{name} = '{value}'" for name, value in sorted(values.items())]
    return {"postgresql.conf": "\n".join(["# Written at every start.", *lines, ""]), "pg_hba.conf": _HBA}


def initialise(where: Place, user: Runner, bin_folder: Path, logs: Path) -> None:
    """Make the data folder beside its final place and move it there when it is complete."""
    words = place.new_passwords(Path(where.home))
    fresh = Path(tempfile.mkdtemp(prefix=".pgdata-", dir=where.data.parent))
    word_file = fresh / "password"
    target = fresh / "pgdata"
    try:
        word_file.touch(0o600)
        word_file.write_text(words["superuser"] + "\n")
        user.own_tree(fresh)
        command = [str(bin_folder / "initdb"), "-D", str(target), "-U", USERS["superuser"]]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--data-checksums", "--auth=scram-sha-256", f"--pwfile={word_file}", "--no-instructions"]
        status, text = user.run(command)
        if status != 0:
            (logs / "initdb.log").write_text(text, encoding="utf-8")
            errors = [line for line in text.splitlines() if "error:" in line or "FATAL" in line]
            raise DatabaseError("init_failed", detail=first_line((errors or [text])[-1]), logs=logs)
        target.rename(where.data)
    finally:  # also what callers left behind that were killed half-way
        for left_over in where.data.parent.glob(".pgdata-*"):
            shutil.rmtree(left_over, ignore_errors=True)


def prepare(where: Place, user: Runner, logs: Path) -> Place:
    """Write the configuration anew before every start, so that a loosened one does not survive."""
    if os.geteuid() == 0 and where.data.stat().st_uid == 0:  # restored or copied by root
        user.own_tree(where.data)
        where.data.chmod(0o700)
    if where.socket:
        shutil.rmtree(where.socket, ignore_errors=True)
    where = replace(where, socket="")
    if quotable(where.data) and len(os.fsencode(where.socket_folder)) + 14 <= _SOCKET_LIMIT:
        place.make_folder(where.socket_folder, 0o700)
        user.own(where.socket_folder)
    else:
        where = replace(where, socket=place.temporary_socket_folder(user))
    place.save(where)
    for name, text in files(where.socket_folder).items():
        path = where.data / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            fresh = path.with_name(name + ".new")
            fresh.touch(0o600)
            fresh.write_text(text, encoding="utf-8")
            user.own(fresh)
            fresh.replace(path)
    link = logs / "postgresql"
    aim = str(where.data / "log") if where.outside else os.path.join("..", "pgdata", "log")
    unsuited = link.is_symlink() and os.readlink(link) != aim
    if unsuited or not os.path.lexists(link):  # a copied home may hold a real folder instead: leave it
        link.unlink(missing_ok=True)
        link.symlink_to(aim)
    return where


def bootstrap(connection: Any, passwords: dict[str, str]) -> None:
    """Make roles and database on a superuser connection; repeating it does no harm.

    `owner` owns the database and migrates it; `app` may log in and use what the migrations grant.
    """
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    connection.autocommit = True
    with connection.cursor() as cursor:
        # The session of a caller that was killed half-way may still be at work for an instant.
        cursor.execute("select pg_advisory_lock(%s)", (_BOOTSTRAP_LOCK,))
        for role in ("owner", "app"):
            name = sql.Identifier(USERS[role])
            cursor.execute("select 1 from pg_roles where rolname = %s", (USERS[role],))
            verb = sql.SQL("alter role {}" if cursor.fetchone() else "create role {}").format(name)
            word = encrypt_password(passwords[role], USERS[role], connection, "scram-sha-256")
            rights = sql.SQL(" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls")
            cursor.execute(verb + rights + sql.SQL(" password {}").format(sql.Literal(word)))
        name = sql.Identifier(DATABASE)
        cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
        if not cursor.fetchone():
            make = sql.SQL("create database {} owner {} template template0")
            cursor.execute(make.format(name, sql.Identifier(USERS["owner"])))
        for other in (DATABASE, "postgres", "template1"):
            shut = sql.SQL("revoke all on database {} from public")
            cursor.execute(shut.format(sql.Identifier(other)))
        grant = sql.SQL("grant connect, temporary on database {} to {}")
        cursor.execute(grant.format(name, sql.Identifier(USERS["app"])))
