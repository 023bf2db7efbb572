"""The units of systemd: systemd itself finds nothing wrong with them, and the night is at one o'clock of Viet Nam."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deployments" / "systemd"
UNITS = ("cchc.service", "cchc-nightly.service", "cchc-nightly.timer")


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd on this machine")
    for name in UNITS:  # the program is looked for: name one that is there
        text = (FOLDER / name).read_text(encoding="utf-8").replace("/opt/cchc/.venv/bin/cchc", "/bin/true")
        (tmp_path / name).write_text(text.replace("WorkingDirectory=/opt/cchc", "WorkingDirectory=/"), encoding="utf-8")
    done = subprocess.run(
        [tool, "verify", *(str(tmp_path / name) for name in UNITS)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if any(name in line for name in UNITS)]
    assert done.returncode == 0 and said == []


def test_the_service_runs_without_rights_and_comes_back() -> None:
    lines = (FOLDER / "cchc.service").read_text(encoding="utf-8").splitlines()
    wanted = {"User=cchc", "Restart=always", "NoNewPrivileges=yes", "ProtectSystem=strict", "Type=notify", "UMask=0077"}
    assert wanted <= set(lines)
    assert "OnCalendar=*-*-* 01:00:00 Asia/Ho_Chi_Minh" in (FOLDER / "cchc-nightly.timer").read_text(encoding="utf-8")
