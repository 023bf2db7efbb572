"""What a container's health check asks: whether this machine's part was heard lately."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from deployments.alive import alive, main
from warehouse import events

if TYPE_CHECKING:
    from flows.steps.home import Home

pytestmark = pytest.mark.db


def test_a_part_is_alive_while_it_speaks_on_this_machine(clean: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.now(UTC)
    with clean.database.begin() as tx:
        events.beat(tx, "watch", "another-machine", os.getpid(), moment, moment, {})
    assert not alive("watch")
    with clean.database.begin() as tx:
        events.beat(tx, "watch", socket.gethostname(), os.getpid(), moment, moment, {})
    assert alive("watch") and not alive("runner")
    monkeypatch.setattr("sys.argv", ["alive", "watch"])
    with clean.database.begin() as tx:
        tx.execute("update heartbeats set heard_at = heard_at - interval '4 minutes'")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
