"""`cchc doctor` as a person meets it: on nothing, on a sound installation, and on a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.kit import Cchc

pytestmark = [pytest.mark.e2e, pytest.mark.db]


def test_doctor_answers_everywhere_and_ends_with_three_when_something_is_broken(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    cchc = Cchc(tmp_path / "home")
    before = cchc("doctor", "--json")
    assert before.status == 0 and before.json["status"] == "warn" and not cchc.home.exists()
    assert cchc("nightly", "--json").status == 0
    sound = cchc("doctor")
    assert sound.status == 0 and "Mọi thứ dùng được" in sound.out and "hỏng" not in sound.out.replace("mục hỏng", "")
    (cchc.home / "secrets.json").chmod(0o644)
    (cchc.home / "inboxes.yaml").write_text("inboxes: 3\n", encoding="utf-8")
    broken = cchc("doctor")
    assert broken.status == 3 and "chmod 600" in broken.out and "inboxes.yaml" in broken.out
    document = cchc("doctor", "--json")
    assert document.status == 3 and document.json["status"] == "fail"
    assert {row["check"] for row in document.json["checks"] if row["state"] == "fail"} == {"home", "inboxes"}
