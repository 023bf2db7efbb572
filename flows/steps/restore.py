"""An installation out of an archive of `flows.steps.backup`, into an empty home; equal by digests, or not at all.

The home is marked from the first file to the last check: nothing else works in it meanwhile, and a restore that was cut off
is simply started again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from flows.steps.backup import DUMP, FOLDERS, FORMAT, HEADS, MANIFEST, SECRETS, SETTINGS, Hashing, said_when_full
from flows.steps.home import RESTORING, Home, UserError

CHUNK: Final = 1 << 20
LONGEST_MANIFEST: Final = 1 << 30
#: Published runs made again after a restore: the first, the last, and some between them.
RUNS_TRIED: Final = 4
_SNAPSHOT: Final = re.compile(r"snapshots/([0-9a-f]{64})")
#: What a home may hold and still be empty: what a database that was never used leaves, and what this module marks.
_NOTHING: Final = frozenset({"pgdata", "cluster.json", "run", "logs", "secrets.json", "work", RESTORING})


@dataclass(frozen=True)
class Archive:
    """An opened archive: its manifest, and where each part lies."""

    path: Path
    tar: tarfile.TarFile
    manifest: dict[str, Any]
    members: dict[str, tarfile.TarInfo]

    def stream(self, name: str) -> BinaryIO:
        stream = self.tar.extractfile(self.members[name])
        assert stream is not None
        return stream  # type: ignore[return-value]


def check(path: Path) -> dict[str, Any]:
    """Read a whole archive and hold it against its manifest; changes nothing. Raises: UserError, DatabaseError."""
    begun = time.monotonic()
    with opened(path) as archive:
        return _head(archive, begun) | {"message": "Bản sao lưu nguyên vẹn; chưa khôi phục gì.", "restored": False}


def restore(home: Home, path: Path) -> dict[str, Any]:
    """Bring an archive back into an empty home and return what came back (the document of `cchc restore`).

    Raises: UserError when the archive is damaged or too new, or the home is not empty; DatabaseError.
    """
    from warehouse.dump import newest_migration

    begun = time.monotonic()
    with opened(path) as archive:
        _claim(home, archive)
        with said_when_full(home.root):
            _place_files(home, archive)
            different = _place_database(home, archive)
        document = _head(archive, begun) | {"restored": True, "home": str(home.root), "different": different}
    if different:
        text = f"Cơ sở dữ liệu sau khi khôi phục khác bản sao lưu ở bảng {', '.join(different)}; không dùng được nơi cài đặt này."
        return document | {"message": text, "sound": False, "audit": None, "runs": None, "migrated_to": None}
    (home.root / RESTORING).unlink()
    return document | _tried(home) | {"migrated_to": newest_migration(), "seconds": round(time.monotonic() - begun, 1)}


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive whose every part is as its manifest says. Raises: UserError, DatabaseError."""
    damaged = UserError("bad_backup", f"«{path}» không phải bản sao lưu của cchc, hoặc đã hỏng; hãy dùng một bản khác.")
    with ExitStack() as held:
        try:
            tar = held.enter_context(tarfile.open(path, "r:"))
            members = {member.name: member for member in tar if member.isreg()}
            if MANIFEST not in members or members[MANIFEST].size > LONGEST_MANIFEST:
                raise damaged
            archive = Archive(path, tar, {}, members)
            archive.manifest.update(json.loads(archive.stream(MANIFEST).read()))
            _refuse_newer(archive.manifest)
            _check_parts(archive)
        except FileNotFoundError:
            raise UserError("not_found", f"Không có tệp «{path}».") from None
        except (PermissionError, IsADirectoryError):
            raise UserError("unreadable", f"Không đọc được «{path}»; hãy kiểm tra đó là tệp và quyền đọc.") from None
        except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise damaged from error
        yield archive


def _refuse_newer(manifest: dict[str, Any]) -> None:
    from warehouse import dump
    from warehouse.errors import DatabaseError

    if manifest["format"] > FORMAT:
        raise UserError("backup_newer", "Bản sao lưu do phiên bản cchc mới hơn tạo ra; hãy cập nhật phần mềm rồi khôi phục.")
    if manifest["migration"] > dump.newest_migration():
        raise DatabaseError("database_newer", found=manifest["migration"], needed=dump.newest_migration())


def _check_parts(archive: Archive) -> None:
    """Raises: UserError when a part is missing, foreign, or not what the manifest says."""
    listed = archive.manifest["parts"]
    if set(listed) != set(archive.members) - {MANIFEST} or not {DUMP, SECRETS, HEADS} <= set(listed):
        raise UserError("bad_backup", f"Bản sao lưu «{archive.path}» thiếu hoặc thừa thành phần; hãy dùng một bản khác.")
    for name, said in listed.items():
        _target(Path("/"), name)
        reader = Hashing(archive.stream(name))
        while reader.read(CHUNK):
            pass
        if reader.hasher.hexdigest() != said["sha256"]:
            raise UserError("bad_backup", f"Thành phần «{name}» của bản sao lưu đã hỏng; hãy dùng một bản khác.")


def _target(root: Path, name: str) -> Path | None:
    """Return where a part belongs, None for one that is no file of a home. Raises: UserError for a name that is none of ours."""
    pure = PurePosixPath(name)
    if name in (DUMP, SECRETS):
        return None
    if name == HEADS or name in SETTINGS:
        return root / name
    if found := _SNAPSHOT.fullmatch(name):
        return root / "snapshots" / found[1][:2] / found[1]
    if pure.parts[0] in FOLDERS and len(pure.parts) > 1 and ".." not in pure.parts and pure.as_posix() == name:
        return root.joinpath(*pure.parts)
    raise UserError("bad_backup", f"Bản sao lưu có thành phần lạ «{name[:80]}»; không khôi phục.")


def _claim(home: Home, archive: Archive) -> None:
    """Mark an empty home as being restored from this archive, or take up a restore of the same one that was cut off.

    Raises: UserError when the home or its database holds anything else.
    """
    from warehouse import dump, place

    mark = {"made_at": archive.manifest["made_at"], "dump": archive.manifest["parts"][DUMP]["sha256"]}
    marked = home.root / RESTORING
    if place.read_json(marked) == mark:
        return
    strange = sorted(path.name for path in home.root.iterdir() if _holds_something(path)) if home.root.is_dir() else []
    if strange:
        named = ", ".join(strange[:5])
        raise UserError(
            "home_not_empty",
            f"Thư mục {home.root} đã có dữ liệu ({named}); hãy khôi phục vào một thư mục trống bằng --into.",
        )
    if dump.tables(home.root):
        raise UserError("database_not_empty", f"Cơ sở dữ liệu của {home.root} đã có bảng; chỉ khôi phục vào cơ sở dữ liệu trống.")
    place.make_home(home.root)
    place.write_json(marked, mark)


def _holds_something(path: Path) -> bool:
    """Whether a thing in a home is more than an empty database and empty folders."""
    if path.name in _NOTHING:
        return False
    return not path.is_dir() or any(inside.is_file() for inside in path.rglob("*"))


def _place_files(home: Home, archive: Archive) -> None:
    """Put the files where they belong, each complete or not at all."""
    from warehouse import place

    for name, value in json.loads(archive.stream(SECRETS).read()).items():
        place.secret(home.root, name, lambda kept=value: kept, renew=True)  # type: ignore[misc]
    for name in archive.members:
        target = _target(home.root, name) if name != MANIFEST else None
        if target is None:
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name[:100]}.part")
        fresh.unlink(missing_ok=True)
        with archive.stream(name) as stream, open(fresh, "xb", opener=_private) as file:
            shutil.copyfileobj(stream, file, CHUNK)
        if name.startswith("snapshots/"):
            fresh.chmod(0o400)
        fresh.replace(target)
    os.sync()


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _place_database(home: Home, archive: Archive) -> list[str]:
    """Fill the database; returns the tables that came out different from what the archive says."""
    from warehouse import dump

    wanted, running = archive.manifest["server"], dump.server(home.root)
    if running < wanted:
        raise UserError(
            "server_older", f"Bản sao lưu lấy từ PostgreSQL {wanted}; máy chủ này là bản {running}, hãy dùng bản mới hơn."
        )
    if not dump.tables(home.root):  # else an earlier try came so far: all or nothing
        dump.restore(home.root, archive.stream(DUMP))
    found = {name: asdict(digest) for name, digest in dump.digests_of(home.root).items()}
    said = archive.manifest["tables"]
    different = sorted(name for name in {*found, *said} if found.get(name) != said.get(name))
    if not different:
        dump.forget_rights(home.root)
    return different


def _tried(home: Home) -> dict[str, Any]:
    """Bring the database up to the code and use it: is the log whole, do published runs come out again?"""
    from flows.steps.audit import verify
    from flows.steps.rebuild import SOUND, rebuild
    from warehouse import remote, runs

    home.prepare()
    with home.database.begin() as tx:
        remote.fetch_again(tx)  # files of the inbox that were not loaded are in no archive
        ids = runs.run_ids(tx)
    step = max(1, (len(ids) - 1) // (RUNS_TRIED - 1)) if ids else 1
    tried = sorted({*ids[::step][: RUNS_TRIED - 1], *ids[-1:]})
    bad = [run for run in tried if rebuild(home, run)["status"] not in SOUND]
    log = verify(home)
    sound = log["intact"] and not bad
    text = f"Đã khôi phục vào {home.root}; mọi bảng đúng bằng bản sao lưu."
    if not sound:
        text += " Nhưng nhật ký hoặc kết quả công bố không khớp, có thể đã như vậy trước khi sao lưu: xem bên dưới."
    return {
        "message": text, "sound": sound, "audit": {name: log[name] for name in ("intact", "entries", "message")},
        "runs": {"published": len(ids), "checked": len(tried), "bad": bad},
    }  # fmt: skip


def _head(archive: Archive, begun: float) -> dict[str, Any]:
    manifest = archive.manifest
    return {
        "file": str(archive.path), "made_at": manifest["made_at"], "migration": manifest["migration"],
        "tables": len(manifest["tables"]), "rows": sum(table["rows"] for table in manifest["tables"].values()),
        "files": manifest["snapshots"], "damaged": manifest["damaged"], "seconds": round(time.monotonic() - begun, 1),
    }  # fmt: skip
