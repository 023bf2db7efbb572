"""R11: SQL written into every place a text can come from; none of it runs, all of it is kept as the text it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import CLOCK, HEADER, Cchc, dossier, measure, write_csv, write_xlsx
from tests.e2e.payloads import TRACE, payloads

ALL = payloads()
WIDE = [*HEADER, "Phòng ban", "Tên thủ tục hành chính", "Tên lĩnh vực", "Mã thủ tục hành chính"]


def _lines() -> list[list[str]]:
    """Return a good dossier per payload, the payload in every free text; then rows with it where a row cannot bear it."""
    good = []
    for n, text in enumerate(ALL):
        line = dossier(
            n, late=n % 10 == 0, code=f"SQL-{n:04d}", **{"Cán bộ xử lý": text, "Chủ hồ sơ": text, "Số điện thoại": text}
        )
        good.append([*line, text, text, text, text])
    bad = []
    for n, text in enumerate(ALL[:120]):
        line = [*dossier(n, code=f"HONG-{n:04d}"), text, text, text, text]
        line[n % 6] = text
        bad.append(line)
    return good + bad


@pytest.fixture(scope="module")
def attacked(cchc: Cchc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A home after files with payloads in cells, headers, sheet names and file names."""
    cchc("measures", "--year", 2023)  # lays the tables
    cchc.query("create table canary (word text)")
    cchc.query("insert into canary select 'alive ' || n from generate_series(1, 7) as n")
    cchc.query("grant all on canary to public")
    tables = cchc.query("select tablename from pg_tables where schemaname = 'public' order by 1")
    folder = tmp_path_factory.mktemp("sql")
    write_csv(folder / "o.csv", _lines(), WIDE)
    for n, first in enumerate(range(0, len(ALL), 60)):  # among the known headers, a handful of others each
        others = [text.strip() for text in ALL[first : first + 60 : 12]]
        write_csv(
            folder / f"tieu-de-{n}.csv",
            [[*dossier(n, month=5, code=f"TIEU-{n:03d}"), *(["x"] * len(others))]],
            [*HEADER, *others],
        )
    for n, text in enumerate(ALL[:: len(ALL) // 12]):
        sheet = "".join(char for char in text if char not in "[]:*?/\\").strip("'")[:31] or "x"
        write_xlsx(folder / f"trang-{n}.xlsx", [dossier(n, month=6, code=f"TRANG-{n:03d}")], sheet=sheet)
    for n, text in enumerate(ALL[:: len(ALL) // 12]):
        name = text.replace("/", "∕")[:80]
        write_csv(folder / f"{name}{n}.csv", [dossier(n, month=7, code=f"TEN-{n:03d}")])
    answer = cchc("ingest", folder, "--json")
    yield {"answer": answer, "tables": tables, "folder": folder}


def _unharmed(cchc: Cchc, tables: list[tuple[Any, ...]]) -> None:
    assert cchc.query("select word from canary order by 1") == [(f"alive {n}",) for n in range(1, 8)]
    assert cchc.query("select tablename from pg_tables where schemaname = 'public' order by 1") == tables
    assert not Path("/tmp", TRACE).exists()


def test_r11_enough_payloads() -> None:
    uses = len(_lines()) + 5 * len(ALL) // 60 + 2 * 12
    assert len(ALL) >= 450 and uses >= 500 and len(set(ALL)) == len(ALL)


def test_r11_files(cchc: Cchc, attacked: dict[str, Any]) -> None:
    files = {Path(file["path"]).name: file for file in attacked["answer"].json["files"]}
    assert not [file for file in files.values() if file["status"] != "loaded"]
    _unharmed(cchc, [*attacked["tables"]])
    assert files["o.csv"]["rows_read"] == len(_lines())
    counted = dict(
        cchc.query(
            "select split_part(dossier_code, '-', 1), count(*) from dossiers_facts where dossier_code ~ '^[A-Z]+-[0-9]+$' group by 1"
        )
    )
    assert (counted["SQL"], counted["TIEU"]) == (len(ALL), len(range(0, len(ALL), 60)))
    assert counted["TRANG"] == counted["TEN"] == len(ALL[:: len(ALL) // 12])
    kept = dict(cchc.query("select dossier_code, officer from dossiers_facts where dossier_code like 'SQL-%'"))
    same = [text for n, text in enumerate(ALL) if kept[f"SQL-{n:04d}"] == " ".join(text.split())]
    assert len(same) > 0.95 * len(ALL)
    document = cchc("measures", "--year", 2023, "--month", 3, "--json").json
    numerator, denominator = measure(document, "overdue_rate")
    assert denominator >= len(ALL) and numerator >= len(ALL) // 10


def test_r11_every_document_still_comes(cchc: Cchc, attacked: dict[str, Any]) -> None:
    for words in (("explain", "--commune", "22492", "--year", 2023), ("quarantine", "list", "--all"), ("nightly",)):
        assert cchc(*words).status == 0
    assert cchc("ingest", attacked["folder"], "--json").status == 0
    _unharmed(cchc, attacked["tables"])


def test_r11_arguments(cchc: Cchc, attacked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    """Every payload as every argument. In this process: four hundred starts of the program would tell no more."""
    from flows.steps.files import Request
    from flows.steps.home import UserError, open_home
    from flows.steps.ingest import ingest
    from flows.steps.measure import measures_json, question
    from flows.steps.quarantine import export, listing
    from flows.steps.rules import rules_on

    monkeypatch.setenv("CCHC_HOME", str(cchc.home))
    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    home = open_home()
    asked = question(2023)
    for n, text in enumerate(ALL):
        with pytest.raises(UserError):
            question(2023, definition=text)
        with pytest.raises(UserError):
            rules_on(home, text or "\0", asked.last_day)
        with pytest.raises(UserError):
            home.commune(text, asked.last_day)
        if n % 10 == 0:
            with pytest.raises(UserError):
                measures_json(home, asked, text)
            with pytest.raises(UserError):
                ingest(home, [files], Request((), unit=text))
            assert listing(home, text, True)["rows"] == [] or text in ("", "%", "_")
            with pytest.raises(UserError):
                export(home, text, files / "ra.xlsx")
    _unharmed(cchc, attacked["tables"])


def test_r11_arguments_of_rescoring(cchc: Cchc, attacked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Payloads as names, values, reasons, evidence and people of the commands around the law, what-ifs and the log."""
    from flows.steps import appraisal, audit, law, scenario
    from flows.steps.commitments import commitments_json
    from flows.steps.explain import explain
    from flows.steps.home import UserError, open_home
    from flows.steps.measure import question
    from flows.steps.scenario_changes import set_changes
    from flows.steps.scenario_compare import compare, show

    assert cchc("nightly", "--as-of", "2023-12-31", "--json").json["run"]["run"] >= 1
    monkeypatch.setenv("CCHC_HOME", str(cchc.home))
    monkeypatch.setenv("CCHC_CLOCK", CLOCK)
    home = open_home()
    asked = question(2023)
    scenario.new(home, "Gốc", 1, "Chuyên viên A", None)
    cell = {"commune": "22492", "criterion": "III.3", "by": "Chuyên viên A"}
    kept = 0
    for n, text in enumerate(ALL):
        for refused in (
            partial(law.shown, home, text, None, None), partial(law.differences, home, text, "sipas", None),
            partial(law.shown, home, "sipas", text or "x", None), partial(law.shown, home, "sipas", None, text or "x"),
            partial(law.create, home, f"{text}'", None), partial(set_changes, home, "Gốc", (f"{text}=1",)),
            partial(set_changes, home, "Gốc", (f"weight:{text}'=1",)), partial(set_changes, home, "Gốc", (f"as_of={text}",)),
        ):  # fmt: skip
            with pytest.raises(UserError):
                refused()
        assert audit.listing(home, text or "x")["entries"] == []
        if n % 45:
            continue
        for refused in (
            partial(commitments_json, home, asked, text or "x"), partial(commitments_json, home, asked, None, text),
            partial(explain, home, asked, "22492", text or "x"), partial(explain, home, asked, "22492", officer=text),
            partial(compare, home, "Gốc", None, text or "x"),
        ):  # fmt: skip
            with pytest.raises(UserError):
                refused()
        said = {"text": f"Lý do {text}", "evidence": f"Văn bản {text}"}
        appraisal.explanation(home, "Gốc", **cell, **said)
        appraisal.override(home, "Gốc", **cell, **said, points="1", reason_code="data_error", expires=None)
        kept += show(home, "Gốc")["overrides"][0]["text"] == " ".join(said["text"].split())
        with contextlib.suppress(UserError):  # a name may be refused; what is taken is kept as it is
            made = scenario.new(home, text, 1, "Chuyên viên A", text)
            assert show(home, made["scenario"]["name"])["scenario"]["note"] in (None, " ".join(text.split()))
    assert kept > 0.9 * len(range(0, len(ALL), 45))
    assert audit.verify(home)["intact"]
    _unharmed(cchc, attacked["tables"])


def test_r11_arguments_of_the_program(cchc: Cchc, attacked: dict[str, Any]) -> None:
    text = "22492'; drop table canary; --"
    for words in (
        ("measures", "--year", 2023, "--commune", text), ("measures", "--year", 2023, "--definition", text), ("score", "--year", 2023, "--criteria", text),
        ("ingest", attacked["folder"], "--unit", text), ("quarantine", "list", "--file", text), ("nightly", "--as-of", text),
        ("score", "--year", 2023, "--units", text), ("explain", "--commune", text, "--year", 2023), ("robustness", "--year", 2023, "--commune", text),
        ("commitments", "--year", 2023, "--notice", text), ("criteria", "lint", text), ("criteria", "new", text), ("scenario", "show", text),
        ("scenario", "new", "Y", "--from-run", text), ("scenario", "set", text, "weight:III.3=1"), ("audit", "list", "--scenario", text),
    ):  # fmt: skip
        assert cchc(*words, "--json").status == (0 if "list" in words else 2)
    _unharmed(cchc, attacked["tables"])
