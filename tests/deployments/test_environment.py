"""What the parts of `cchc up` are told by their environment, and which addresses it takes."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from deployments import environment, up
from flows.steps.home import UserError
from warehouse.prefect_database import URL_VARIABLE, PrefectDatabase

HOME = Path("/srv/cchc")
DATABASE = PrefectDatabase("embedded", "postgresql+asyncpg://u:hidden-word@/prefect")


@pytest.mark.filterwarnings("ignore::Warning:(prefect|pydantic).*")
def test_every_setting_is_one_that_prefect_knows() -> None:
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    told = environment.server(HOME, 4200, DATABASE, {})
    asked = {name for name in told if name.startswith("PREFECT_") and not name.startswith("PREFECT__")}
    assert asked - set(_get_valid_setting_names(Settings)) == set()


def test_only_the_server_is_told_the_password_and_only_its_own_pages_may_ask_it() -> None:
    told = environment.server(HOME, 4200, DATABASE, {})
    assert told[URL_VARIABLE] == DATABASE.url and "hidden-word" not in repr(DATABASE)
    assert told["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4200,http://localhost:4200"
    assert told["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith(f"{HOME}/")
    assert URL_VARIABLE not in environment.common(HOME, None, {URL_VARIABLE: DATABASE.url})


def test_what_an_administrator_set_wins_but_not_where_the_server_listens() -> None:
    given = {"PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "7", "PREFECT_SERVER_API_HOST": "0.0.0.0", "NOTIFY_SOCKET": "/run/x"}
    told = environment.server(HOME, 4200, DATABASE, given)
    assert told["PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS"] == "7" and told["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert "NOTIFY_SOCKET" not in told


def test_an_address_that_cannot_be_listened_on_is_said_in_vietnamese() -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError) as taken:
            up._free_port("127.0.0.1", port, "--port")
    assert taken.value.code == "port_taken" and all(text in str(taken.value) for text in ("chương trình khác dùng", "--port 0"))
    for host in ("203.0.113.9", "khong-co.invalid"):
        with pytest.raises(UserError) as strange:
            up._free_port(host, 0, "--port")
        assert strange.value.code == "bad_host" and host in str(strange.value)
    assert up._free_port("127.0.0.1", 0, "--port") > 0
