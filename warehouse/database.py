"""One transaction at a time on the warehouse: rows out, statements in, COPY. The only face the rest of the code uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from warehouse.engine import engine
from warehouse.migrate import migrate

SQL: Final = Path(__file__).resolve().parent / "sql"
Params = Mapping[str, Any]


@lru_cache(maxsize=64)
def sql_text(name: str) -> str:
    """Return the text of a file of `warehouse/sql`, for example `marts/survey_counts.sql`."""
    return (SQL / name).read_text(encoding="utf-8")


class Transaction:
    """An open transaction. Parameters are always bound (`%(name)s`), never written into the statement.

    `home` is the folder of the installation; `after_commit` holds what is done once the transaction has been committed.
    `still`: it only reads, and whatever is committed by others meanwhile is not there for it.
    """

    def __init__(self, connection: Any, home: Path | None = None, *, still: bool = False) -> None:
        self.connection = connection
        self.home = home
        self.still = still
        self.after_commit: list[Callable[[], None]] = []

    def execute(self, statement: str, params: Params | None = None) -> int:
        """Run a statement; returns the number of rows it touched."""
        return int(self.connection.exec_driver_sql(statement, dict(params or {})).rowcount)

    def rows(self, statement: str, params: Params | None = None) -> list[dict[str, Any]]:
        """Return the rows of a query as mappings."""
        result = self.connection.exec_driver_sql(statement, dict(params or {}))
        return [dict(row) for row in result.mappings()]

    def one(self, statement: str, params: Params | None = None) -> dict[str, Any] | None:
        """Return the first row of a query, or None."""
        found = self.rows(statement, params)
        return found[0] if found else None

    def scalar(self, statement: str, params: Params | None = None) -> Any:
        """Return the first column of the first row, or None."""
        row = self.connection.exec_driver_sql(statement, dict(params or {})).first()
        return row[0] if row is not None else None

    def frame(self, statement: str, params: Params | None = None) -> Any:
        """Return a query's result as a DataFrame with the query's column names."""
        import pandas as pd

        result = self.connection.exec_driver_sql(statement, dict(params or {}))
        # Bare tuples: of its rows pandas would ask attributes that they do not have, each a costly exception.
        return pd.DataFrame([tuple(row) for row in result], columns=list(result.keys()))

    def copy_in(self, table: str, columns: Sequence[str], stream: BinaryIO, form: str = "csv") -> None:
        """COPY CSV (no header, empty unquoted = NULL) or binary from a stream. Table and columns are names of our own."""
        names = ", ".join(f'"{name}"' for name in columns)
        cursor = self.connection.connection.cursor()
        try:
            cursor.copy_expert(f'copy "{table}" ({names}) from stdin with (format {form})', stream, size=1 << 20)
        finally:
            cursor.close()

    @contextmanager
    def part(self) -> Iterator[None]:
        """Open a part of the transaction that is rolled back alone when the block raises."""
        with self.connection.begin_nested():
            yield

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Take the named lock until the end of the transaction; others wait. shared: only those wait who want it alone."""
        verb = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self.execute(f"select {verb}(hashtextextended(%(name)s, 0))", {"name": f"cchc:{name}"})


class Database:
    """The warehouse of one home: migrated on first use."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._ready = False
        self._engine: Any = None

    def prepare(self) -> None:
        """Start the database when needed and bring its schema up to date. Raises: DatabaseError."""
        if not self._ready:
            migrate(self.home)
            self._ready = True

    @property
    def engine(self) -> Any:
        """The pooled engine of this home, made once."""
        if self._engine is None:
            self._engine = engine(self.home)
        return self._engine

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction; committed at the end of the block, rolled back when it raises."""
        self.prepare()
        with self.engine.begin() as connection:
            tx = Transaction(connection, self.home)
            yield tx
        for do in tx.after_commit:
            do()

    @contextmanager
    def begin_still(self) -> Iterator[Transaction]:
        """Open a transaction that only reads and sees the warehouse as it stands now until its end; nobody waits for it."""
        self.prepare()
        with self.engine.begin() as connection:
            tx = Transaction(connection, self.home, still=True)
            tx.execute("set transaction isolation level repeatable read, read only")
            yield tx

    @contextmanager
    def session_lock(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold a named lock over several transactions; yields False when `wait` is off and somebody else holds it.

        The server frees it when this process dies, however it dies.
        """
        self.prepare()
        params = {"name": f"cchc:{name}"}
        verb = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
        # No autocommit: a pooled connection that is lost fails to be set back from it, and its place in the pool with it.
        connection = self.engine.connect()
        try:
            held = connection.exec_driver_sql(f"select {verb}(hashtextextended(%(name)s, 0))", params).scalar()
            connection.commit()
            yield True if wait else bool(held)
        finally:
            try:
                connection.exec_driver_sql("select pg_advisory_unlock_all()")
                connection.commit()
            except Exception:
                # A connection that was lost gave the lock back itself; closing any other gives it back as well.
                connection.invalidate()
            connection.close()
