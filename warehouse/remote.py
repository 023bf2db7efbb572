"""What is known of the files in inboxes elsewhere. Times are the database's: a replaced clock must not stop a file's rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warehouse.database import Transaction


def known(tx: Transaction, inbox: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is known of an inbox by (path, version): state, attempts, error, sha256, local_name; age_s: seconds since it
    was first seen; since_s: seconds since the state changed."""
    rows = tx.rows(
        """
        select
            path, version, state, attempts, error, sha256, local_name,
            extract(epoch from clock_timestamp() - first_seen_at)::double precision as age_s,
            extract(epoch from clock_timestamp() - changed_at)::double precision as since_s
        from remote_files
        where inbox = %(inbox)s
        """,
        {"inbox": inbox},
    )
    return {(row["path"], row["version"]): row for row in rows}


def see(tx: Transaction, inbox: str, files: Iterable[tuple[str, str, int | None]]) -> None:
    """Note files (path, version, bytes) that were seen for the first time."""
    listed = list(files)
    if listed:
        tx.execute(
            """
            insert into remote_files (inbox, path, version, size_bytes, state, first_seen_at, changed_at)
            select %(inbox)s, path, version, size_bytes, 'seen', clock_timestamp(), clock_timestamp()
            from unnest(%(paths)s::text[], %(versions)s::text[], %(sizes)s::bigint[]) as f (path, version, size_bytes)
            on conflict do nothing
            """,
            {
                "inbox": inbox, "paths": [path for path, _, _ in listed], "versions": [version for _, version, _ in listed],
                "sizes": [size for _, _, size in listed],
            },
        )  # fmt: skip


def forget(tx: Transaction, inbox: str, files: Iterable[tuple[str, str]]) -> None:
    """Forget versions that were never fetched and are not listed (path, version) any more: a file that grows makes many."""
    listed = list(files)
    tx.execute(
        """
        delete from remote_files as r
        where
            r.inbox = %(inbox)s and r.state <> 'fetched'
            and not exists (
                select 1 from unnest(%(paths)s::text[], %(versions)s::text[]) as f (path, version)
                where f.path = r.path and f.version = r.version
            )
        """,
        {"inbox": inbox, "paths": [path for path, _ in listed], "versions": [version for _, version in listed]},
    )


def received(tx: Transaction, inbox: str, path: str, version: str, sha256: str, local_name: str) -> None:
    """Note what a file is and where it is about to be put, before it is: whoever dies in between need not fetch it again."""
    tx.execute(
        """
        update remote_files set sha256 = %(sha256)s, local_name = %(local_name)s
        where inbox = %(inbox)s and path = %(path)s and version = %(version)s
        """,
        {"inbox": inbox, "path": path, "version": version, "sha256": sha256, "local_name": local_name},
    )


def fetched(tx: Transaction, inbox: str, path: str, version: str) -> None:
    """Note that a file lies in the local inbox, or (again) that it is still the one that was fetched."""
    tx.execute(
        """
        update remote_files set state = 'fetched', error = null, changed_at = clock_timestamp()
        where inbox = %(inbox)s and path = %(path)s and version = %(version)s
        """,
        {"inbox": inbox, "path": path, "version": version},
    )


def failed(tx: Transaction, inbox: str, path: str, version: str, error: str) -> None:
    """Note a try in vain; error: its code."""
    tx.execute(
        """
        update remote_files
        set state = 'failed', error = %(error)s, attempts = attempts + 1, changed_at = clock_timestamp()
        where inbox = %(inbox)s and path = %(path)s and version = %(version)s
        """,
        {"inbox": inbox, "path": path, "version": version, "error": error},
    )


def fetch_again(tx: Transaction) -> int:
    """Forget that files were fetched which were neither loaded nor rejected: their inbox is gone. Returns how many."""
    return tx.execute(
        """
        delete from remote_files as r
        where
            r.state = 'fetched'
            and not exists (select 1 from files as f where f.sha256 = r.sha256 and f.state <> 'received')
        """
    )
