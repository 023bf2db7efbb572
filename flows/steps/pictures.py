"""Draws the pictures of a forecast as SVG and PNG into the folder of reports: one of the district, up to four of a commune.

No browser, no network: vl-convert holds Vega and a font. A picture that no longer applies is taken away, so that the folder never
shows two nights at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.steps.home import CHECKOUT, Home
from flows.steps.logs import note_fault
from flows.steps.reports import replace
from messages import pictures as words

if TYPE_CHECKING:
    import altair as alt

SCALE: Final = 2
LOCALE: Final = {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", "\u00a0₫"], "percent": "\u00a0%"}
DISTRICT: Final = "huyen"
#: Of drawing in a process of its own: no province takes as long.
LIMIT_S: Final = 900
#: The pictures of a commune.
KINDS: Final = ("diem", "xep-loai", "hang", "viec-can-lam")


class NotDrawn(Exception):
    """The process that draws failed; where, is in the log of errors."""


def draw_apart(
    home: Home, document: dict[str, Any], codes: Sequence[str] | None = None, *, whole: bool = False
) -> dict[str, str]:
    """Do what `draw_pictures` does in a process that ends afterwards. Raises: NotDrawn.

    Vega's engine takes 140 MiB, never gives them back and goes on growing: nothing for a desk that stays for a year.
    """
    work = {"home": str(home.root), "document": document, "codes": None if codes is None else list(codes), "whole": whole}
    done = subprocess.run(
        [sys.executable, "-m", "flows.steps.pictures"], input=json.dumps(work), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        encoding="utf-8", cwd=CHECKOUT, env={**os.environ, "PYTHONUTF8": "1"}, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotDrawn(f"status {done.returncode}")
    drawn: dict[str, str] = json.loads(done.stdout)
    return drawn


def main() -> int:
    """Draw what stdin asks for, answer on stdout; returns the exit status."""
    work = json.load(sys.stdin)
    home = Home(Path(work["home"]))
    try:
        drawn = draw_pictures(home, work["document"], work["codes"], whole=work["whole"])
    except Exception as error:
        note_fault(home.root, error)
        return 1
    json.dump(drawn, sys.stdout)
    return 0


def draw_pictures(
    home: Home, document: dict[str, Any], codes: Sequence[str] | None = None, *, whole: bool = False
) -> dict[str, str]:  # fmt: skip
    """Draw the district and the communes. codes: only these communes; the other pictures are then left as they are.

    whole: the district is drawn all the same, and pictures of communes left out are taken away: the folder is of this night.
    Returns label → path (PNG): every picture of a single commune, else the district's and the folder.
    """
    folder = home.reports / f"du-bao-{document['year']}"
    folder.mkdir(parents=True, exist_ok=True)
    communes = [c for c in document["communes"] if codes is None or {c["commune"], c["unit_id"]} & set(codes)]
    drawn = {}
    with_district = (codes is None or whole) and len(document["communes"]) > 1
    for stem, chart in _charts(document, communes, with_district):
        if path := _keep(folder, stem, chart):
            drawn[stem] = path
    if whole:
        _forget(folder, [c["unit_id"] for c in document["communes"] if c not in communes])
    if len(communes) == 1 and not with_district:
        return {_label(stem): str(path) for stem, path in drawn.items()}
    district = {words.NAMES[DISTRICT]: str(drawn[DISTRICT])} if DISTRICT in drawn else {}
    return district | ({words.FOLDER: str(folder)} if drawn else {})


def _charts(
    document: dict[str, Any], communes: Sequence[dict[str, Any]], with_district: bool
) -> Iterator[tuple[str, alt.LayerChart | None]]:
    from flows.steps import pictures_charts as charts

    if with_district:
        yield DISTRICT, charts.district_chart(document)
    for commune in communes:
        stem = commune["unit_id"]
        draw = (charts.fan_chart, charts.grade_chart, charts.rank_chart, charts.lever_chart)
        for kind, chart in zip(KINDS, draw, strict=True):
            yield f"{stem}-{kind}", chart(commune, document)


def _forget(folder: Path, units: Sequence[str]) -> None:
    """Take away the pictures of communes that this night does not draw."""
    for unit in units:
        for kind in KINDS:
            _keep(folder, f"{unit}-{kind}", None)


def _label(stem: str) -> str:
    return next(label for name, label in words.NAMES.items() if stem == name or stem.endswith(f"-{name}"))


def _keep(folder: Path, stem: str, chart: alt.LayerChart | None) -> Path | None:
    """Write one picture; returns where the PNG is."""
    vector, pixels = folder / f"{stem}.svg", folder / f"{stem}.png"
    if chart is None:
        vector.unlink(missing_ok=True)
        pixels.unlink(missing_ok=True)
        return None
    svg = svg_of(chart)
    replace(vector, svg.encode())
    replace(pixels, png_of(svg))
    return pixels


def svg_of(chart: alt.LayerChart) -> str:
    """Return the drawing. Numbers of axes have a decimal comma; nothing is fetched from anywhere."""
    import vl_convert

    # What Altair would check against the schema for each picture is checked once, by the tests.
    return vl_convert.vegalite_to_svg(chart.to_dict(validate=False), format_locale=LOCALE, allowed_base_urls=[])


def png_of(svg: str) -> bytes:
    """Return the drawing in pixels, fine enough for a phone and for print."""
    import vl_convert

    return vl_convert.svg_to_png(svg, scale=SCALE)


if __name__ == "__main__":
    raise SystemExit(main())
