"""The schemas for editors: fresh, accepting what ships, refusing mistakes of structure; and every file names its schema."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from criteria.loader import ROOT
from criteria.rule_specs import RULE_SPECS
from criteria.schema import FOLDER, KINDS_OF_FILE, main, render, schema_of

BROKEN = Path(__file__).parent.parent / "broken" / "criteria"
VALIDATORS = {kind: Draft202012Validator(schema_of(kind)) for kind in KINDS_OF_FILE}
# Registers of a shape of their own, each read by one loader, lie beside the kinds that people write and have no schema.
SHIPPED = sorted(p for p in ROOT.rglob("*.yaml") if p.parent != ROOT or p.stem in KINDS_OF_FILE)

# Mistakes that no single place can show: they are the lint's alone.
LINT_ONLY = {
    "band_gap", "band_overlap", "band_without_bottom", "band_without_top", "bands_above_scale", "code_twice",
    "condition_on_unknown_input", "declared_value_without_condition", "definition_default_missing", "definition_of_unknown_thing",
    "guess_said_to_be_known", "input_named_declared", "input_without_condition", "key_twice", "limit_above_zero_point",
    "name_differs_from_folder", "official_without_text", "overlapping_versions", "points_do_not_sum",
    "points_do_not_sum_after_amendment", "ranking_within_commune_of_communes", "sample_unknown_measure", "section_without_criteria",
    "sections_do_not_sum", "target_starts_too_late", "misspelt_instrument", "step_above_maximum", "steps_out_of_order", "target_without_level", "text_not_composed",
    "three_decimals", "unknown_definition", "unknown_instrument", "unknown_measure", "unknown_section", "unknown_target",
    "wrong_direction", "breach_without_three_levels", "compound_levels_out_of_order", "condition_as_percent",
    "count_said_to_be_a_share", "event_rule_on_a_share", "floor_above_maximum", "grade_twice", "graded_share_never_full",
    "graded_share_per_level", "graded_shares_backwards", "measure_args_without_meaning", "otherwise_above_a_step",
    "out_of_for_a_share", "penalty_that_adds", "ratio_from_above_full", "share_rule_on_a_count",
}  # fmt: skip
STRUCTURE = {
    "appraiser_without_name", "appraiser_without_source", "clause_cut_at_a_comma", "colon_forgotten", "decimal_comma",
    "head_date_not_a_date", "indented_by_tab", "label_cut_at_a_comma", "unknown_level", "date_not_a_date", "missing_clause", "missing_owner", "missing_parameter", "missing_rule", "missing_source", "no_input",
    "no_versions", "points_not_positive", "share_written_as_percent", "target_as_percent", "unknown_declared_kind", "unknown_field",
    "unknown_head_field", "unknown_parameter", "unknown_provenance", "unknown_rule", "unknown_subject", "measure_and_declared",
    "condition_as_text", "instrument_date_not_a_date", "step_as_text", "steps_empty",
}  # fmt: skip


def kind_of(path: Path) -> str:
    if path.parent.name == "notices":
        return "notice"
    return "section" if path.stem.startswith("section_") else path.stem


def as_an_editor_reads(path: Path) -> Any:
    """JSON as the YAML means it, dates as text."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k if isinstance(k, str) else json.dumps(k): plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return value.isoformat() if isinstance(value, date) else value

    return plain(yaml.safe_load(path.read_text(encoding="utf-8")))


def faults(path: Path) -> list[str]:
    """What the schema of a file's kind has against it."""
    found = VALIDATORS[kind_of(path)].iter_errors(as_an_editor_reads(path))
    return [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:120]}" for e in found]


def test_schemas_are_fresh_and_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    for kind in KINDS_OF_FILE:
        Draft202012Validator.check_schema(schema_of(kind))
        assert (FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8") == render(kind)
    assert {p.name for p in FOLDER.iterdir()} == {f"{kind}.schema.json" for kind in KINDS_OF_FILE}
    assert main(["--check"], tmp_path) == 1 and main([], tmp_path) == 0 and main(["--check"], tmp_path) == 0
    (tmp_path / "set.schema.json").write_text("{}", encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    assert "set.schema.json is stale" in capsys.readouterr().err


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_shipped_files_fit_and_name_their_schema(path: Path) -> None:
    assert faults(path) == []
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = (path.parent / first.partition("$schema=")[2]).resolve()
    assert named == FOLDER / f"{kind_of(path)}.schema.json"


def refused(mistake: str) -> bool:
    files = [p for p in (BROKEN / mistake).rglob("*.yaml") if kind_of(p) in VALIDATORS]
    try:
        return any(faults(p) for p in files)
    except yaml.YAMLError:
        return True


def test_base_of_the_fixtures_fits() -> None:
    assert not refused("_base")


@pytest.mark.parametrize("mistake", sorted(STRUCTURE))
def test_mistakes_of_structure_are_refused(mistake: str) -> None:
    assert refused(mistake)


def test_what_a_schema_cannot_see_is_listed() -> None:
    """A schema that refused one of these would refuse it for another reason than the mistake."""
    assert [m for m in sorted(LINT_ONLY) if (BROKEN / m).is_dir() and refused(m)] == []
    assert not STRUCTURE & LINT_ONLY


def test_every_rule_family_is_offered_and_no_other() -> None:
    criterion = schema_of("section")["additionalProperties"]
    rule = criterion["properties"]["versions"]["items"]["properties"]["rule"]
    assert set(rule["properties"]) == set(RULE_SPECS)
    for family, spec in RULE_SPECS.items():
        assert set(rule["properties"][family]["properties"]) == set(spec)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"max_points": None, "rule": None}, True),
        ({"rule": {"linear": None}}, True),
        ({"rule": {"linear": {}, "yes_no": {}}}, False),
        ({"rule": {}}, False),
        ({"max_points": 0}, False),
        ({"in_force_from": "2023-1-1"}, False),
        ({"in_force_from": "01/01/2023"}, False),
        ({"source": {"instrument": "van_ban"}}, False),
        ({"rule": {"capped_ratio": {"target": {"target": "online_min"}}}}, True),
        ({"rule": {"capped_ratio": {"target": 0}}}, False),
        ({"rule": {"falling_linear": {"full_below": 0.01, "zero_at": 5}}}, False),
        ({"rule": {"steps": {"steps": []}}}, False),
        ({"rule": {"bonus_penalty": {"per_event": 1, "sign": 2}}}, False),
    ],
)
def test_versions(change: dict[str, Any], fits: bool) -> None:
    version = {
        "in_force_from": "2023-01-01", "max_points": 2, "rule": {"linear": {}}, "source": {"instrument": "van_ban", "clause": "1"},
        "provenance": "assumed",
    }  # fmt: skip
    entry = {
        "label": "Tiêu chí", "declared": "share", "unit": "tỷ lệ", "direction": "higher", "no_data": "no_data", "owner": "Văn phòng",
        "versions": [version | change],
    }  # fmt: skip
    assert VALIDATORS["section"].is_valid({"A.1": entry}) is fits
    assert not VALIDATORS["section"].is_valid({"A": entry})
