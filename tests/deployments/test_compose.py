"""What compose.yaml promises: pinned images, nobody is root, nothing listens beyond this machine, every part says that it lives,
and every variable and command in it exists.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from warehouse import engine
from warehouse.errors import DatabaseError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?(@sha256:[0-9a-f]{64})?")
#: Read by other programs than ours.
FOREIGN = re.compile(r"POSTGRES_|PREFECT_")
by_name = pytest.mark.parametrize("name", sorted(SERVICES))


def code() -> str:
    folders = ("apps", "flows", "deployments", "warehouse", "sources")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sh")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_the_parts_of_an_installation_are_there() -> None:
    assert set(SERVICES) == {"db", "prefect", "scheduler", "worker", "runner", "desk", "web"}


@by_name
def test_images_are_pinned_by_version(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])
    assert all(PINNED.fullmatch(image) for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M))


@by_name
def test_nobody_is_root_or_writes_into_the_image(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0 and int(group) > 0
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"] and not service.get("privileged")
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))


@by_name
def test_nothing_is_published_beyond_this_machine(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].get("network_mode") is None
    assert COMPOSE["networks"]["inner"]["internal"] is True


@by_name
def test_every_part_says_that_it_lives_and_waits_for_what_it_needs(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD" and len(check["test"]) > 1
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    for other, how in (SERVICES[name].get("depends_on") or {}).items():
        assert how == {"condition": "service_healthy"} and "healthcheck" in SERVICES[other]


@by_name
def test_no_password_is_written_down(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        assert not re.search("PASSWORD|SECRET|TOKEN|KEY", variable) or variable.endswith("_FILE")
        assert not re.search(r"://[^/]*:[^/]*@", str(value))
    assert set(SERVICES[name].get("secrets", [])) <= set(COMPOSE["secrets"])
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    assert "deployments/secrets" in (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8")


def test_who_needs_no_database_is_given_no_password() -> None:
    holders = {name for name, service in SERVICES.items() if "db_password" in service.get("secrets", [])}
    assert holders == {"db", "worker", "runner", "desk", "web"}
    assert {name for name, service in SERVICES.items() if "admin_password" in service.get("secrets", [])} == {"db"}
    assert {name for name, service in SERVICES.items() if "prefect_password" in service.get("secrets", [])} == {"db", "prefect"}


@by_name
def test_variables_are_ones_that_the_code_reads(name: str) -> None:
    ours = [variable for variable in SERVICES[name].get("environment", {}) if not FOREIGN.match(variable)]
    text = code()
    assert all(re.search(rf"\b{variable}\b", text) for variable in ours)
    if name == "prefect":
        settings = _prefect_settings()
        asked = [variable for variable in SERVICES[name]["environment"] if variable.startswith("PREFECT_")]
        assert [variable for variable in asked if variable not in settings] == []


def test_a_command_that_comes_without_its_password_gets_no_database_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("worker", "runner", "desk", "web"):
        monkeypatch.setenv("CCHC_DATABASE_URL", SERVICES[name]["environment"]["CCHC_DATABASE_URL"])
        with pytest.raises(DatabaseError) as refused:
            engine.given_url()
        assert refused.value.code == "database_bad_url"


def test_parts_that_beat_keep_their_names_when_their_containers_are_made_anew() -> None:
    assert {name: SERVICES[name]["hostname"] for name in ("runner", "desk")} == {"runner": "runner", "desk": "desk"}


def test_what_prefect_writes_lies_in_memory() -> None:
    (place,) = (mount.split(":")[0] for mount in SERVICES["prefect"]["tmpfs"])
    assert SERVICES["prefect"]["environment"]["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith(f"{place}/")
    assert re.search(rf"PREFECT_HOME={place}/", DOCKERFILE)


@by_name
def test_commands_exist(name: str) -> None:
    service = SERVICES[name]
    for words in (service.get("command"), service["healthcheck"]["test"][1:]):
        if "-m" in words and words[words.index("-m") - 1] == "python":
            assert importlib.util.find_spec(words[words.index("-m") + 1]) is not None
        elif words[0] in ("dask", "prefect"):
            assert shutil.which(words[0], path=str(Path(sys.executable).parent))
    if name in ("scheduler", "worker"):
        words = service["command"]
        options = [word for word in words if word.startswith("--")]
        assert options and not [option for option in options if option not in _dask_options(words[1])]


def test_files_named_are_there_and_the_image_holds_what_runs() -> None:
    build = SERVICES["web"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT and (ROOT / build["dockerfile"]).is_file()
    assert (FOLDER / SERVICES["db"]["volumes"][1].split(":")[0]).is_file()
    taken = re.findall(r"^!(\S+)", (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.M)
    assert all((ROOT / name).exists() for name in taken)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= set(taken)


def test_the_image_installs_what_is_locked_and_ends_up_without_root() -> None:
    assert "--require-hashes" in DOCKERFILE and "requirements.lock" in DOCKERFILE
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.M) == [SERVICES["web"]["user"]]
    entry = re.search(r'^ENTRYPOINT \["/bin/sh", "/app/(\S+)"\]', DOCKERFILE, re.M)
    assert entry and (ROOT / entry[1]).is_file()
    assert not re.search(r"^(ADD|ARG|ENV) .*(PASSWORD|TOKEN|https?://)", DOCKERFILE, re.M)


def test_passwords_become_addresses_of_the_parts_that_need_them(tmp_path: Path) -> None:
    assert _entry(tmp_path, {"db_password": "abc-DEF_9"}) == "postgresql+psycopg2://cchc:abc-DEF_9@db:5432/cchc|"
    assert _entry(tmp_path, {"prefect_password": "x1"}).endswith("|postgresql+asyncpg://cchc_prefect:x1@db:5432/prefect")
    assert _entry(tmp_path, {}) == "|"
    for bad in ("", "a b", "a@b", "a'b"):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            _entry(tmp_path, {"db_password": bad})
        assert "db_password" in refused.value.stderr and (not bad or bad not in refused.value.stderr)


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker")
def test_docker_reads_it() -> None:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode:
        pytest.skip("docker has no compose plugin")
    command = ["docker", "compose", "-f", str(FOLDER / "compose.yaml"), "config", "--quiet"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def _entry(folder: Path, secrets: dict[str, str]) -> str:
    """Return the two addresses that the entry script makes of some secrets."""
    place = folder / "secrets"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, word in secrets.items():
        (place / name).write_text(f"{word}\n", encoding="utf-8")
    script = folder / "entry.sh"
    text = (FOLDER / "docker" / "with_secrets.sh").read_text(encoding="utf-8")
    script.write_text(text.replace("/run/secrets", str(place)), encoding="utf-8")
    tell = 'printf "%s|%s" "${CCHC_DATABASE_URL-}" "${PREFECT_API_DATABASE_CONNECTION_URL-}"'
    command = ["/bin/sh", str(script), "/bin/sh", "-c", tell]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}).stdout


def _dask_options(part: str) -> set[str]:
    from distributed.cli import dask_scheduler, dask_worker

    command = {"scheduler": dask_scheduler, "worker": dask_worker}[part].main
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def _prefect_settings() -> set[str]:
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    return set(_get_valid_setting_names(Settings))
