"""R18 for every table behind a measure: files in any order give the same figures, and past answers stay as they were."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from flows.steps import ingest
from flows.steps.home import Home, parse_moment
from flows.steps.measure import measures_json, question
from tests.conftest import empty
from tests.flows import kit

pytestmark = [pytest.mark.db, pytest.mark.slow]
AS_OF = {"2023-01-20": "opencps", "2023-12-31": "qd766"}
#: Contract → header and the rows of its files; a later file corrects, repeats, adds and leaves out.
FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "survey": (
        "Mã phiếu;Đơn vị;Ngày khảo sát;Mã hồ sơ;Công chức;Kết quả;Hài lòng chung;Cán bộ được đánh giá",
        (
            "K1;22492;10/01/2023;H32-1;1;5;;\nK2;22492;11/01/2023;;5;5;;",
            "K1;22492;10/01/2023;H32-1;5;5;;\nK3;22492;12/02/2023;H32-2;2;;1;Công chức A",
            "K1;22492;10/01/2023;H32-1;1;5;;\nK2;22492;11/01/2023;;1;2;;Công chức A",
        ),
    ),
    "officer_review": (
        "Đơn vị;Tháng;Cán bộ, công chức;Điểm;Ngày đánh giá",
        (
            "22492;01/2023;Công chức A;90;02/02/2023",
            "22492;01/2023;Công chức A;80;15/01/2023\n22492;02/2023;Công chức A;80;02/03/2023",
            "22492;01/2023;Công chức A;90;02/02/2023",
        ),
    ),
    "tasks": (
        "Mã nhiệm vụ;Đơn vị;Ngày giao;Hạn hoàn thành;Ngày hoàn thành",
        (
            "NV1;22492;02/01/2023;31/01/2023;\nNV2;22492;02/01/2023;31/03/2023;10/01/2023",
            "NV1;22492;02/01/2023;31/01/2023;19/01/2023",
            "NV1;22492;02/01/2023;15/01/2023;19/01/2023\nNV2;22492;02/01/2023;31/03/2023;",
        ),
    ),
    "initiatives": (
        "Mã sáng kiến;Đơn vị;Ngày đăng ký",
        ("SK1;22492;10/01/2023", "SK1;22492;10/12/2022\nSK2;22492;11/03/2023", "SK1;22492;10/01/2023"),
    ),
    "one_stop": (
        "Mã hồ sơ;Đơn vị;Ngày tiếp nhận;Ngày hẹn trả;Hạn xử lý;Ngày kết thúc xử lý;Kết quả điện tử;Tái sử dụng dữ liệu;"
        "Số hóa thành phần hồ sơ;Số lần bổ sung;Hình thức nộp;Cán bộ xử lý",
        (
            "H32-1;22492;03/01/2023;12/01/2023;11/01/2023;11/01/2023;Có;Có;Có;0;Trực tuyến;Công chức A",
            "H32-1;22492;03/01/2023;10/01/2023;;11/01/2023;Không;;Có;2;Trực tuyến;Công chức B\n"
            "H32-2;22492;04/01/2023;12/01/2023;12/01/2023;;;;;;Trực tiếp;",
            "H32-1;22492;03/01/2023;12/01/2023;11/01/2023;;;Có;Không;1;;Công chức A",
        ),
    ),
    "portal": (
        "Mã hồ sơ;Đơn vị;Ngày nhận;Ngày hẹn trả;Ngày kết thúc xử lý;Kết quả điện tử;Hình thức nộp",
        (
            "H32-1;22492;03/01/2023;09/01/2023;10/01/2023;Không;BCCI",
            "H32-2;22492;04/01/2023;12/01/2023;10/01/2023;Có;Trực tuyến",
            "H32-2;22492;04/01/2023;12/01/2023;;;",
        ),
    ),
}  # fmt: skip
#: Every file has its own moment; the files of one contract keep their turn in time.
MOMENTS = {(name, n): kit.day(400 + 20 * n + k) for k, name in enumerate(FILES) for n in range(3)}


def answers(home: Home) -> dict[str, Any]:
    """Return what is said of each day asked about, by what was known after each round of files and by all that is known."""
    found = {}
    for as_of, definition in AS_OF.items():
        for known_at in (*sorted(MOMENTS.values())[2::3], None):
            asked = question(2023, as_of=parse_moment(as_of), known_at=known_at, definition=definition)
            rows = measures_json(home, asked, "22492")["measures"]
            found[f"{as_of} {definition} {known_at}"] = {r["measure"]: (r["numerator"], r["denominator"]) for r in rows}
    return found


def test_r18_any_order_gives_the_same_figures(
    clean: Home, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_parse", kit.Readings(tmp_path_factory.mktemp("readings")))
    for name, (header, bodies) in FILES.items():
        for n, body in enumerate(bodies):
            # A column of its own: equal contents would be one file to the ledger.
            (tmp_path / f"{name}{n}.csv").write_text(f"{header};Ghi chú khác {n}\n{body}\n", encoding="utf-8")
    chance = random.Random(18)
    orders = [sorted(MOMENTS, key=lambda file: MOMENTS[file])]
    orders += [chance.sample(orders[0], len(MOMENTS)) for _ in range(3)]
    expected: dict[str, Any] = {}
    for order in orders:
        empty(clean)
        for file in order:
            path = tmp_path / f"{file[0]}{file[1]}.csv"
            result = kit.load(clean, path, kit.QuickGate(), MOMENTS[file], file[0])
            assert (result.status, result.rows_quarantined) == ("loaded", 0), (order, result)
        found = answers(clean)
        expected = expected or found
        assert found == expected, order
    last = expected["2023-12-31 qd766 None"]
    assert last["satisfaction_officials"] == (0, 3) and last["named_complaints"] == (2, None)
    assert last["task_completion"] == (1, 2) and last["initiatives"] == (2, None) and last["officer_review_months"] == (2, None)
