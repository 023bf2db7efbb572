"""R13: what people wrote about applicants exists in the kept files and nowhere else, wherever in a file they wrote it."""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import HEADER, Answer, Cchc, dossier, write_csv, write_xlsx

# All invented. Every name and address holds a word that no text of the program holds.
NAMES = [
    f"{family} Zyntrax{n:02d} {given}"
    for n, (family, given) in enumerate(zip("Vương Tạ Quách Lã Âu".split() * 3, "Mơ Vắng Ảo".split() * 5, strict=True))
]
PHONES = [f"09417530{n:02d}" for n in range(12)]
IDS = [f"0561994170{n:02d}" for n in range(12)]
ADDRESSES = [f"{n + 1} hẻm Quarvox{n:02d}, thôn Mù Sương" for n in range(11)]
CANARIES = NAMES + PHONES + IDS + ADDRESSES
OFFICIAL, NAMED = "Cán bộ Mẫu", "Lò Thị Phản Ánh"  # of dossiers (see `dossier`); named by two forms
WORDS = ("zyntrax", "quarvox", "09417530", "0561994170")
WIDE = [*HEADER, "Địa chỉ", "Số CMND/CCCD", "Người nộp", "Email", "Trích yếu", "Trạng thái", "Lệ phí", "Số lần bổ sung"]


def test_r13_fifty_canaries() -> None:
    assert len(set(CANARIES)) == 50


def _personal(number: int) -> list[str]:
    """Return the cells after HEADER's first seven: name, phone, address, id, submitter, e-mail, summary, status, fee, count."""
    name, phone = NAMES[number % 15], PHONES[number % 12]
    where, identity = ADDRESSES[number % 11], IDS[number % 12]
    return [
        name,
        phone,
        where,
        identity,
        NAMES[(number + 7) % 15],
        f"zyntrax{number:02d}@mau.vn",
        f"Đơn của {name}, {identity}, {where}",
        "",
        "0",
        "0",
    ]


def _line(number: int, **cells: str) -> list[str]:
    return [*dossier(number, code=f"KIN-{number:04d}", **cells)[:7], *_personal(number)]


def _misplaced() -> list[list[str]]:
    """Return lines with a canary in every column where it does not belong."""
    lines = []
    for at, heading in enumerate(WIDE):
        for kind, group in enumerate((NAMES, PHONES, IDS, ADDRESSES)):
            if heading in (
                "Ngày tiếp nhận",
                "Ngày hẹn trả",
                "Ngày kết thúc xử lý",
                "Cơ quan/đơn vị",
                "Hình thức nộp",
                "Lệ phí",
                "Số lần bổ sung",
            ):
                line = _line(100 + at * 4 + kind)
                line[at] = group[at % len(group)]
                lines.append(line)
    for n, canary in enumerate([*NAMES[:5], *ADDRESSES[:4]]):  # in the column of codes
        line = _line(300 + n)
        line[0] = canary
        lines.append(line)
    for n, canary in enumerate([*PHONES[:4], *IDS[:4]]):  # a number in the column of codes, in a row that is wrong anyway
        line = _line(320 + n, **{"Ngày tiếp nhận": NAMES[n]})
        line[0] = canary
        lines.append(line)
    shifted = _line(340)
    lines.append([*shifted[:3], *shifted[7:], *shifted[3:7]])  # a row whose cells slipped to the left
    return lines


@pytest.fixture(scope="module")
def told(cchc: Cchc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Everything a home says after loading files full of canaries, by place."""
    folder, temporary = tmp_path_factory.mktemp("kin"), tmp_path_factory.mktemp("tam")
    temporary.chmod(0o777)
    write_csv(folder / "sach.csv", [_line(n) for n in range(20)], WIDE)
    write_csv(folder / "lech.csv", [*(_line(n) for n in range(20, 140)), *_misplaced()], WIDE)
    write_xlsx(folder / "lech.xlsx", [*(_line(n) for n in range(20, 139)), *_misplaced()], WIDE, sheet="Hồ sơ")
    signed = [
        ["UBND XÃ ĐẠI LÃNH"],
        ["DANH SÁCH HỒ SƠ"],
        WIDE,
        *(_line(n) for n in range(500, 510)),
        [],
        ["Người lập biểu"],
        [NAMES[3]],
        [PHONES[5]],
    ]
    write_csv(folder / "chu-ky.csv", signed[1:], signed[0])
    survey = ["Mã phiếu", "Đơn vị", "Ngày khảo sát", "Tiếp cận dịch vụ", "Thủ tục hành chính", "Công chức", "Kết quả", "Góp ý, phản ánh", "Ý kiến khác", "Họ và tên", "Điện thoại", "Địa chỉ"]  # fmt: skip
    forms = [[f"PKS-{n:04d}", "22492", "05/03/2023", "5", "4", "4", "5", "3", f"{NAMES[n % 15]} gọi {PHONES[n % 12]} chưa hài lòng", NAMES[n % 15], PHONES[n % 12], ADDRESSES[n % 11]] for n in range(60)]  # fmt: skip
    wrong = [[NAMES[0], "22492", "05/03/2023", "5"], ["PKS-9001", NAMES[1], "05/03/2023", "5"], ["PKS-9002", "22492", ADDRESSES[2], "5"], ["PKS-9003", "22492", "05/03/2023", NAMES[3]], [IDS[4], "22492", NAMES[4], "5"]]  # fmt: skip
    write_csv(folder / "phieu.csv", [*forms, *wrong], survey)
    named = [[f"PKS-800{n}", "22492", f"0{n}/03/2023", "2", "2", "1", "2", "2", f"{NAMES[n]}, {ADDRESSES[n]}: {NAMED} quát nạt", NAMES[n], PHONES[n], ADDRESSES[n], NAMED] for n in (1, 2)]  # fmt: skip
    write_csv(folder / "neu-ten.csv", named, [*survey, "Công chức được nêu tên"])
    write_xlsx(folder / "la.xlsx", [[NAMES[n % 15], PHONES[n % 12], ADDRESSES[n % 11], IDS[n % 12], "01/03/2023"] for n in range(30)], ["Cột A", "Cột B", "Cột C", "Cột D", "Ngày"])  # fmt: skip
    (folder / "hong.csv").write_bytes(("\n".join(CANARIES)).encode("utf-16-le")[:-1])
    (folder / "vo.xlsx").write_bytes((folder / "lech.xlsx").read_bytes()[:4000])
    env = {"TMPDIR": str(temporary)}
    said: dict[str, Answer] = {}
    said["ingest"] = cchc("ingest", folder, "--json", env=env)
    said["ingest for people"] = cchc("ingest", folder, env=env)
    shutil.copy(folder / "sach.csv", cchc.home / "inbox" / f"{NAMES[11]} {IDS[3]}.csv")
    shutil.copy(folder / "lech.csv", cchc.home / "inbox" / "lech-lan-hai.csv")
    with (cchc.home / "inbox" / "lech-lan-hai.csv").open("a", encoding="utf-8") as more:
        more.write(",".join(_line(900)) + "\n")
    said["nightly"] = cchc("nightly", "--json", env=env)
    assert said["nightly"].json["forecast"]["code"] in (None, "no_data"), said["nightly"].json["forecast"]
    said["nightly for people"] = cchc("nightly", env=env)
    for words in (
        ("quarantine", "list", "--all", "--json"), ("quarantine", "list"), ("measures", "--year", 2023, "--json"), ("score", "--year", 2023, "--json"),
        ("explain", "--commune", "22492", "--year", 2023, "--json"), ("explain", "--commune", "22492", "--year", 2023),
    ):  # fmt: skip
        said[" ".join(map(str, words))] = cchc(*words, env=env)
    for name in ("sach.csv", "lech.xlsx", "phieu.csv", "la.xlsx"):
        said[f"sniff {name}"] = cchc("contract", "sniff", folder / name, "--json", env=env)
    said |= _rescored(cchc, env, folder)
    yield {"said": said, "temporary": temporary, "folder": folder}


def _rescored(cchc: Cchc, env: dict[str, str], folder: Path) -> dict[str, Answer]:
    """Return what the commands around the law, published runs, what-ifs and the log say of the same home, with a second commune."""
    other = [_line(n, **{"Cơ quan/đơn vị": "UBND xã Vạn Thọ"}) for n in range(600, 640)]
    assert cchc("ingest", write_csv(folder / "xa-khac.csv", other, WIDE), env=env).status == 0
    # Run 1 is of 2024, run 2 of the year before, published beside it in January.
    assert cchc("nightly", "--as-of", "2023-12-31", "--json", env=env).json["run"]["run"] == 3
    said = _foretold(cchc, env)
    cell = ("--commune", "22492", "--criterion", "III.3", "--text", "Số liệu sai", "--evidence", "CV 12", "--by", "Chuyên viên A")
    for words in (
        ("explain", "--commune", "22492", "--year", 2023, "--tree"), ("robustness", "--year", 2023, "--draws", 20),
        ("score", "--year", 2023, "--criteria", "one_stop_official", "--month", 3), ("commitments", "--year", 2023),
        ("score", "--year", 2023, "--criteria", "sipas"), ("score", "runs"), ("score", "show", 3), ("score", "verify"),
        ("score", "compare", 2, 3, "--commune", "22492"), ("scenario", "new", "Thử", "--from-run", 3, "--by", "Chuyên viên A"),
        ("scenario", "explanation", "Thử", *cell), ("scenario", "override", "Thử", *cell, "--points", 1, "--reason-code", "data_error"),
        ("scenario", "show", "Thử"), ("scenario", "compare", "Thử", "--commune", "22492"), ("scenario", "review", "Thử", "--commune", "22492"),
        ("scenario", "submit", "Thử", "--by", "Chuyên viên A"), ("scenario", "approve", "Thử", "--by", "Trưởng phòng B"),
        ("scenario", "publish", "Thử", "--by", "Trưởng phòng B"), ("scenario", "history", "Thử"), ("audit", "list"), ("audit", "verify"),
    ):  # fmt: skip
        answer = cchc(*words, "--json", env=env)
        assert answer.status == 0, (words, answer.err)
        said[" ".join(map(str, words)) + " --json"] = answer
        if words[0] != "scenario" or words[1] in ("show", "compare", "review", "history"):
            said[" ".join(map(str, words))] = cchc(*words, env=env)
    return said


def _foretold(cchc: Cchc, env: dict[str, str]) -> dict[str, Answer]:
    """Return what forecasts say of a day on which every dossier was open, and leave a night's report and pictures of it."""
    said = {"nightly of a day with open dossiers": cchc("nightly", "--as-of", "2023-03-05", "--json", env=env)}
    assert said["nightly of a day with open dossiers"].json["forecast"]["error"] is None
    of_then = ("--as-of", "2023-03-05", "--draws", 200)
    for words in (
        ("forecast", "--year", 2023, *of_then), ("forecast", "--year", 2023, "--commune", "22492", *of_then),
        ("forecast-verify",), ("backtest", "--year", 2023, "--origins", "3", "--hindsight", "--draws", 100),
    ):  # fmt: skip
        for more in ((), ("--json",)):
            said[" ".join(map(str, (*words, *more)))] = cchc(*words, *more, env=env)
    return said


def _hits(text: str) -> list[str]:
    plain = unicodedata.normalize("NFC", text).lower()
    found = [word for word in WORDS if word in plain]
    squeezed = plain.replace("\\u00a0", "").replace(" ", "")
    return found + [word for word in WORDS if word not in found and word in squeezed]


def _show(text: str) -> str:
    lower = text.lower()
    for word in WORDS:
        if (at := lower.find(word)) >= 0:
            return text[max(0, at - 150) : at + 60]
    return ""


def test_r13_the_files_were_really_read(told: dict[str, Any], cchc: Cchc) -> None:
    files = {Path(file["path"]).name: file for file in told["said"]["ingest"].json["files"]}
    assert {name: file["status"] for name, file in files.items()} == {
        "sach.csv": "loaded", "lech.csv": "loaded", "lech.xlsx": "loaded", "chu-ky.csv": "loaded", "phieu.csv": "loaded", "neu-ten.csv": "loaded",
        "la.xlsx": "rejected", "hong.csv": "rejected", "vo.xlsx": "rejected",
    }  # fmt: skip
    assert files["lech.csv"]["rows_quarantined"] >= 30 and files["phieu.csv"]["rows_quarantined"] >= 3
    tokens = cchc.query("select count(distinct applicant_token), min(length(applicant_token)) from dossiers_facts")
    assert tokens == [(15, 32)]


def test_r13_nothing_is_said_on_any_screen(told: dict[str, Any]) -> None:
    for words, answer in told["said"].items():
        for stream, text in (("stdout", answer.out), ("stderr", answer.err)):
            shown = text
            if (
                words.startswith("nightly")
                or words.startswith("quarantine")
                or words == "explain --commune 22492 --year 2023 --json"
            ):
                # A file is named as the person named it.
                shown = unicodedata.normalize("NFC", text).replace(f"{NAMES[11]} {IDS[3]}.csv", "")
            assert not _hits(shown), (words, stream, _show(shown))


def test_r13_nothing_in_the_home_but_the_kept_files(told: dict[str, Any], cchc: Cchc) -> None:
    leaks = {}
    for folder, names, files in os.walk(cchc.home):
        names[:] = [
            name
            for name in names
            if Path(folder, name) not in (cchc.home / "snapshots", cchc.home / "inbox", cchc.home / "pgdata")
        ]
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                text = path.read_bytes().decode("utf-8", "replace")
                if _hits(str(path)) or _hits(text) or _hits(json.dumps(text).encode().decode("unicode_escape", "replace")):
                    leaks[str(path.relative_to(cchc.home))] = _show(text)
    assert not leaks
    assert not list((cchc.home / "work").iterdir())


def test_r13_officials_are_named_to_those_who_act_and_nowhere_else(told: dict[str, Any], cchc: Cchc) -> None:
    """An official's name is in the dossiers and forms, and is said by `explain`, the evaluation of officials, and beside the
    dossiers to save: not in a published commune score, a stored forecast, a recipe, a what-if, the log of deeds, a night's
    record, other reports, or a log file."""
    said = told["said"]
    forecast = "forecast --year 2023 --as-of 2023-03-05 --draws 200 --json"
    assert {row["officer"] for commune in said[forecast].json["communes"] for row in commune["to_save"]} == {OFFICIAL}
    assert OFFICIAL in said["explain --commune 22492 --year 2023 --json"].out
    assert OFFICIAL in said["score --year 2023 --criteria one_stop_official --month 3 --json"].out
    (complaint,) = json.loads(said["explain --commune 22492 --year 2023 --json"].out)["complaints"]
    assert complaint["official"] == NAMED and complaint["repeated"] and set(complaint["form_codes"]) == {"PKS-8001", "PKS-8002"}
    for words, answer in said.items():
        if not words.startswith(("explain", "score --year 2023 --criteria one_stop_official", "forecast --year")):
            assert OFFICIAL not in answer.out and NAMED not in answer.out, words
        assert OFFICIAL not in answer.err and NAMED not in answer.err, words
    names = {name for (name,) in cchc.query("select tablename from pg_tables where schemaname = 'public'")}
    holding = {
        name
        for name in names
        for (text,) in cchc.query(f'select t::text from "{name}" as t')
        if OFFICIAL in text or NAMED in text
    }
    new = {"score_runs", "recipe_parts", "scenarios", "scenario_versions", "audit_log", "nightly_runs", "forecasts",
           "forecast_points", "forecast_scores"}  # fmt: skip
    assert new <= names and holding and not holding & new, (sorted(names), holding)
    for folder in ("reports", "logs"):
        for path in (cchc.home / folder).rglob("*"):
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                assert NAMED not in text, path
                # Who has a dossier in hand is told to those who must save it.
                assert OFFICIAL not in text or path.name in ("can-cuu-2023.csv", "du-bao-2023.json"), path


def test_r13_forecasts_were_really_made_and_drawn(told: dict[str, Any], cchc: Cchc) -> None:
    """What the searches below and above go through: dossiers to save, stored forecasts, tables, pictures with text in them."""
    ((count, saved),) = cchc.query("select count(*), count(*) filter (where result::text like '%KIN-0%') from forecasts")
    assert count >= 3 and saved >= 2
    folder = cchc.home / "reports"
    drawings = [path.read_text(encoding="utf-8") for path in (folder / "du-bao-2023").glob("*.svg")]
    assert len(drawings) >= 4 and all("<text" in drawing for drawing in drawings)
    assert "Đại Lãnh" in "".join(drawings)
    assert (folder / "du-bao-2023.csv").exists() and (folder / "can-cuu-2023.csv").exists()


def test_r13_nothing_left_in_the_temporary_folder(told: dict[str, Any]) -> None:
    left = [
        path for path in told["temporary"].rglob("*") if path.is_file() and _hits(path.read_bytes().decode("utf-8", "replace"))
    ]
    assert not left


def test_r13_nothing_in_any_table(told: dict[str, Any], cchc: Cchc) -> None:
    leaks = {}
    tables = cchc.query(
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    )
    assert len(tables) > 15
    for schema, table in tables:
        for (text,) in cchc.query(f'select t::text from "{schema}"."{table}" as t'):
            if table == "arrivals":  # holds the file's name and place, as the person gave them
                text = text.replace(f"{NAMES[11]} {IDS[3]}.csv", "")
            if _hits(text):
                leaks.setdefault(table, _show(text))
    assert not leaks


def test_r13_nothing_in_the_database_s_own_files(told: dict[str, Any], cchc: Cchc) -> None:
    """Not even in a page that a rolled-back statement left, in the write-ahead log (which has everything), or in the server's log."""
    from warehouse import place

    where = place.known(cchc.home)
    assert where is not None
    searched = 0
    for path in Path(where.data).rglob("*"):
        if path.is_file():
            text = path.read_bytes().lower()
            name = f"{NAMES[11]} {IDS[3]}.csv".encode().lower()
            text = text.replace(name, b"")
            searched += len(text)
            for word in WORDS:
                at = text.find(word.encode())
                assert at < 0, (path, text[max(0, at - 80) : at + 40])
    assert searched > 1_000_000
