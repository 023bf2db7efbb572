"""The pictures of a forecast as Vega-Lite charts (Altair), from the document alone. Nothing is drawn or written here.

Colours are told apart by the colour-blind (Okabe–Ito), and nothing is said by colour only. Every chart fits a phone: 600 px wide,
letters of 12 px and more. A chart is None when the document has nothing to put on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from textwrap import wrap
from typing import Any, Final

import altair as alt

from messages import forecast_words
from messages import pictures as words

WIDTH: Final = 600
#: DejaVu Sans and Verdana are equally wide; Liberation Sans is inside vl-convert, for machines without any font.
FONT: Final = "DejaVu Sans, Verdana, Liberation Sans, Arial, sans-serif"
BLUE, GREY, ORANGE, INK = "#0072B2", "#8A8A8A", "#D55E00", "#222222"
GRADE_COLOURS: Final = ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#8A8A8A")
_SMALL: Final = 12
_ROW: Final = 15  # the least distance of two labels, px
_MOST_LEVERS: Final = 6
_SPREAD: Final = ("p025", "p10", "p50", "p90", "p975")
_COLOURS: Final = {words.EARLIER: GREY, words.TODAY: BLUE}
_SCALE: Final = 0.05  # points: less is no difference that a picture shows

_CONFIG: Final = {
    "font": FONT, "view": {"stroke": None},
    "axis": {"labelFontSize": _SMALL, "titleFontSize": _SMALL + 1, "titleFontWeight": "normal", "gridColor": "#E6E6E6",
             "labelColor": INK, "titleColor": INK},
    "legend": {"labelFontSize": _SMALL, "titleFontSize": _SMALL, "titleFontWeight": "normal"},
}  # fmt: skip

Document = Mapping[str, Any]


def fan_chart(commune: Document, document: Document) -> alt.LayerChart | None:
    """The index: earlier forecasts of the year's end, the score today, today's forecast, the grades' edges."""
    if not forecast_words.is_known(commune):
        return None
    index = commune["index"]
    today, end = words.local_day(document["as_of"]), date.fromisoformat(document["horizon"])
    total = (commune.get("now") or {}).get("total")
    past = [*commune.get("history", []), {"as_of": document["as_of"], **index}]
    edges = _edges(document) if same_scale(commune) else []
    low, high = _range([row[name] for row in past for name in ("p025", "p975")] + ([] if total is None else [total]), edges)
    shown = [band for band in edges if low <= band["from"] <= high]
    height = 320
    x = _x(end)
    y = alt.Y("low:Q", title=words.POINTS_AXIS, scale=alt.Scale(domain=[low, high], nice=False, zero=False))
    layers: list[Any] = [_edge_rules(shown, "y")]
    series = {}
    if len(past) > 1:
        series[words.EARLIER] = [(words.local_day(row["as_of"]), row) for row in past]
    if total is not None and today < end:
        series[words.TODAY] = [(today, dict.fromkeys(_SPREAD, total)), (end, index)]
    for name, rows in series.items():
        layers += _ribbon(rows, name, list(series), x, y)
    layers += [*_year_end(index, end, x, y), *_fan_labels(index, total, today, end, x, (low, high), height)]
    layers += _edge_names(shown)
    lines = [words.fan_sentence(index, settled=today >= end), words.stamp(document)]
    if not same_scale(commune):
        lines.append(words.OTHER_SCALE)
    return _finished(layers, words.fan_title(commune, document), lines, height)


def grade_chart(commune: Document, document: Document) -> alt.LayerChart | None:
    """The probability of each grade, best first."""
    chances = forecast_words.grade_chances(commune)
    if not chances:
        return None
    settled = words.over(document)
    rows = [{"grade": grade, "p": p, "text": words.odds(p, settled)} for grade, p in chances.items()]
    colours = [GRADE_COLOURS[min(number, len(GRADE_COLOURS) - 1)] for number in range(len(rows))]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("p:Q", axis=None, scale=alt.Scale(domain=[0, 1.15])),
        y=alt.Y("grade:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, labelFontSize=14, labelPadding=8)),
    )
    bars = base.mark_bar(height=26).encode(
        color=alt.Color("grade:N", scale=alt.Scale(domain=[row["grade"] for row in rows], range=colours), legend=None)
    )
    text = base.mark_text(align="left", dx=6, fontSize=14, color=INK).encode(text="text:N")
    lines = [words.grade_sentence(chances, commune["p_good"], document), words.stamp(document)]
    return _finished([bars, text], words.grade_title(commune, document), lines, 40 * len(rows))


def rank_chart(commune: Document, document: Document) -> alt.LayerChart | None:
    """The probability of each rank; of many ranks only those that can still happen."""
    chances = commune.get("rank_probability") or []
    if len(chances) < 2 or commune.get("expected_rank") is None:
        return None
    ranks = _possible(chances)
    of = len(ranks)
    every = of <= 15
    settled = words.over(document) and commune["rank_basis"] == "joint"
    rows = [{"rank": rank, "p": chances[rank - 1], "text": words.odds(chances[rank - 1], settled)} for rank in ranks]
    top = max(row["p"] for row in rows)
    x = alt.X(
        "rank:Q", title=words.RANK_AXIS, scale=alt.Scale(domain=[ranks[0] - 0.5, ranks[-1] + 0.5], nice=False),
        axis=alt.Axis(values=ranks if every else [rank for rank in ranks if rank % 5 == 0], format="d", grid=False),
    )  # fmt: skip
    y = alt.Y(
        "p:Q", title=words.RANK_CHANCE_AXIS, scale=alt.Scale(domain=[0, top * 1.35]), axis=alt.Axis(format=".0%", tickCount=5)
    )
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    layers = [base.mark_bar(size=0.78 * (WIDTH - 80) / of, color=BLUE)]
    if every:
        labels = base.transform_filter("datum.p >= 0.005")
        layers.append(labels.mark_text(dy=-8, fontSize=_SMALL, color=INK).encode(text="text:N"))
    middle = commune["expected_rank"]
    left = middle > (ranks[0] + ranks[-1]) / 2
    mark = alt.Chart(alt.Data(values=[{"rank": middle, "p": top * 1.22, "text": words.expected_rank(commune)}])).encode(x=x)
    layers += [
        mark.mark_point(shape="triangle-down", color=ORANGE, fill=ORANGE, opacity=1, size=120).encode(y=y),
        mark.mark_text(align="right" if left else "left", dx=-11 if left else 11, fontSize=13, fontWeight="bold", color=ORANGE)
        .encode(y=y, text="text:N"),
    ]  # fmt: skip
    lines = [words.rank_sentence(commune), words.stamp(document)]
    return _finished(layers, words.rank_title(commune, document), lines, 260)


def lever_chart(commune: Document, document: Document) -> alt.LayerChart | None:
    """What each lever adds to the probability of the good grade, the most first; its points beside it."""
    levers = forecast_words.ordered_levers(commune)[:_MOST_LEVERS]
    if not levers or commune.get("p_good") is None:
        return None
    rows, texts, place = [], [], 0.0
    for lever in levers:
        for number, line in enumerate(words.lever_lines(lever)):
            for part in wrap(line, 74):
                place += 17
                texts.append({"y": place, "text": part, "weight": "normal" if number else "bold"})
        place += 16
        more = max(0.0, lever["p_good_if_done"] - lever["p_good_now"])
        gained = lever["points_possible"] - (lever["points_now"] or 0.0)
        rows.append({"y": place, "code": lever["code"], "more": more, "points": gained, "text": words.lever_gain(lever, gained)})
        place += 20
    telling = max(row["more"] for row in rows) >= 0.005
    length = "more" if telling else "points"  # where no lever moves the probability, the bars are points
    widest = max(row[length] for row in rows) or 1.0
    x = alt.X(f"{length}:Q", axis=None, scale=alt.Scale(domain=[0, widest * 2.1], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[place, 0], nice=False))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    said = alt.Chart(alt.Data(values=texts)).encode(y=y, text="text:N")
    layers = [
        base.mark_bar(size=16, color=BLUE, orient="horizontal"),
        base.mark_text(align="left", dx=6, fontSize=_SMALL, color=INK).encode(text="text:N"),
    ]
    for weight in ("bold", "normal"):
        lines = said.transform_filter(f"datum.weight == '{weight}'")
        layers.append(lines.mark_text(align="left", baseline="middle", x=0, fontSize=_SMALL, fontWeight=weight, color=INK))
    said_above = [words.lever_sentence(commune["p_good"], document, telling), words.stamp(document)]
    return _finished(layers, words.lever_title(commune, document), said_above, place)


def district_chart(document: Document) -> alt.LayerChart | None:
    """Every commune's index at the year's end, the highest first, with the grades' edges."""
    known = [commune for commune in document["communes"] if forecast_words.is_known(commune)]
    if len(known) < 2:
        return None
    alike = all(same_scale(commune) for commune in known)
    rows = [_interval_row(commune, "index" if alike else "grading_index") for commune in known]
    rows.sort(key=lambda row: (-row["p50"], row["name"]))
    low, high = _range([row[name] for row in rows for name in ("p025", "p975")], _edges(document))
    shown = [band for band in _edges(document) if low <= band["from"] <= high]
    x = alt.X("p025:Q", title=words.POINTS_AXIS if alike else words.SCALED_AXIS,
              scale=alt.Scale(domain=[low, high], nice=False, zero=False))  # fmt: skip
    y = alt.Y(
        "name:N",
        sort=None,
        title=None,
        axis=alt.Axis(domain=False, ticks=False, labelFontSize=13, labelLimit=200, labelPadding=6),
    )
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    layers = [
        _edge_rules(shown, "x"),
        base.mark_rule(color=BLUE, strokeWidth=1.5).encode(x=x, x2="p975:Q"),
        base.mark_rule(color=BLUE, strokeWidth=7, opacity=0.55).encode(x=alt.X("p10:Q"), x2="p90:Q"),
        base.mark_point(color=INK, fill="white", size=60, strokeWidth=2, opacity=1).encode(x=alt.X("p50:Q")),
        *_rimmed(base.encode(x=alt.X("p50:Q"), text="text:N"), dy=-13),
        *_edge_heads(shown, low, high),
    ]  # fmt: skip
    lines = [words.district_sentence(), words.stamp(document)]
    return _finished(layers, words.district_title(document), lines, (36 if len(rows) <= 30 else 26) * len(rows))


def same_scale(commune: Document) -> bool:
    """The index and the figure that is graded are the same number: the grades' edges may stand beside the index."""
    index, graded = commune["index"], commune.get("grading_index")
    return bool(graded) and all(abs(index[name] - graded[name]) < _SCALE for name in ("p025", "p50", "p975"))


def _edges(document: Document) -> list[Document]:
    return [band for band in document.get("bands") or [] if band["from"] is not None]


def _range(values: Sequence[float], edges: Sequence[Document]) -> tuple[float, float]:
    """What an axis shows: every value, and the edges that are near."""
    low, high = min(values), max(values)
    near = max(2.0, 0.35 * (high - low))
    seen = [band["from"] for band in edges if low - near <= band["from"] <= high + near]
    low, high = min([low, *seen]), max([high, *seen])
    spare = max(1.0, 0.06 * (high - low))
    return low - 1.5 * spare, high + spare  # more below: the words beside a low dot stand under it


def _x(end: date) -> alt.X:
    """Days since the year began, named by month; room on the right for the figures of its end."""
    starts = [_offset(date(end.year, month, 1)) for month in range(1, end.month + 1)]
    names = f"datum.value == {_offset(end)} ? '{words.year_end(end)}' : 'T' + (indexof({starts}, datum.value) + 1)"
    axis = alt.Axis(values=[*starts, _offset(end)], labelExpr=names, grid=False, labelAlign="left")
    return alt.X("day:Q", title=None, axis=axis, scale=alt.Scale(domain=[0, _offset(end) + 38], nice=False))


def _offset(day: date) -> int:
    return (day - date(day.year, 1, 1)).days


def _ribbon(rows: Sequence[tuple[date, Document]], name: str, names: Sequence[str], x: alt.X, y: alt.Y) -> list[Any]:
    """The 95 % and 80 % areas and the middle line of one series."""
    data = alt.Data(values=[
        {"series": name, "day": _offset(day), **{key: row[key] for key in _SPREAD}} for day, row in rows
    ])  # fmt: skip
    colour = alt.Color(
        "series:N", scale=alt.Scale(domain=names, range=[_COLOURS[other] for other in names]),
        legend=alt.Legend(
            title=words.BANDS_LEGEND, orient="bottom", direction="vertical", symbolType="square", symbolOpacity=0.6, labelLimit=0,
            titleLimit=0,
        ),
    )  # fmt: skip
    base = alt.Chart(data).encode(x=x, color=colour)

    def area(low: str, high: str, opacity: float) -> Any:
        return base.mark_area(opacity=opacity).encode(y=_named(y, low), y2=f"{high}:Q")

    return [area("p025", "p975", 0.22), area("p10", "p90", 0.38), base.mark_line(strokeWidth=2).encode(y=_named(y, "p50"))]


def _named(y: alt.Y, field: str) -> alt.Y:
    """The same axis for another column."""
    copy = y.copy(deep=False)
    copy.shorthand = f"{field}:Q"
    return copy


def _year_end(index: Document, end: date, x: alt.X, y: alt.Y) -> list[Any]:
    """The interval of 80 % and the middle, as a bar at the last day."""
    base = alt.Chart(alt.Data(values=[{"day": _offset(end), **{key: index[key] for key in ("p10", "p50", "p90")}}]))
    bar = base.mark_rule(color=BLUE, strokeWidth=5).encode(x=x, y=_named(y, "p10"), y2="p90:Q")
    return [bar, base.mark_point(color=INK, fill="white", size=70, strokeWidth=2, opacity=1).encode(x=x, y=_named(y, "p50"))]


def _fan_labels(
    index: Document, total: float | None, today: date, end: date, x: alt.X, shown: tuple[float, float], height: int
) -> list[Any]:
    """Figures of the year's end beside the bar, apart from each other; today's score beside its dot."""
    texts = {index[name]: words.one(index[name]) for name in ("p10", "p50", "p90")}
    kept = {text: value for value, text in sorted(texts.items())}  # equal figures are said once
    places = _apart([value for value in kept.values()], _ROW * (shown[1] - shown[0]) / height)
    rows = [
        {"day": _offset(end) + 5, "low": place, "text": text, "middle": text == words.one(index["p50"])}
        for text, place in zip(kept, places, strict=True)
    ]
    y = alt.Y("low:Q")
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y, text="text:N")
    layers = _rimmed(base.transform_filter("!datum.middle"), align="left")
    layers += _rimmed(base.transform_filter("datum.middle"), align="left", fontSize=14, fontWeight="bold")
    if total is not None and today < end:
        above = total > index["p50"]
        late = (end - today).days < 90
        mark = alt.Chart(alt.Data(values=[{"day": _offset(today), "low": total, "text": words.today_points(total, today)}]))
        mark = mark.encode(x=x, y=y)
        layers += [
            mark.mark_point(color=INK, fill=INK, size=60, opacity=1),
            *_rimmed(
                mark.encode(text="text:N"), align="right" if late else "left", dx=-8 if late else 8, dy=-12 if above else 12,
                fontSize=13, fontWeight="bold",
            ),
        ]  # fmt: skip
    return layers


def _apart(values: Sequence[float], gap: float) -> list[float]:
    """Return ascending values moved as little as needed to stand `gap` apart, around their middle."""
    placed = list(values)
    for number, (lower, upper) in enumerate(pairwise(list(values))):
        placed[number + 1] = placed[number] + max(gap, upper - lower)
    shift = (sum(placed) - sum(values)) / max(1, len(values))
    return [value - shift for value in placed]


def _edge_rules(shown: Sequence[Document], axis: str) -> Any:
    base = alt.Chart(alt.Data(values=[{"low": band["from"]} for band in shown])).mark_rule(
        color=INK, strokeDash=[4, 4], opacity=0.7
    )
    return base.encode(y=alt.Y("low:Q")) if axis == "y" else base.encode(x=alt.X("low:Q"))


def _edge_names(shown: Sequence[Document]) -> list[Any]:
    """Names of grades on their edges, which lie across."""
    rows = [{"low": band["from"], "text": words.edge(band)} for band in shown]
    base = alt.Chart(alt.Data(values=rows)).encode(text="text:N", y=alt.Y("low:Q"))
    return _rimmed(base, align="left", dx=4, x=0, baseline="bottom", dy=-2)


def _edge_heads(shown: Sequence[Document], low: float, high: float) -> list[Any]:
    """Names of grades above their edges, which stand upright: the last of all turns inwards, close ones stand on two lines."""
    close = _close(shown, low, high)
    layers = []
    for number, band in enumerate(shown):
        far = _far(band, low, high)
        base = alt.Chart(alt.Data(values=[{"low": band["from"], "text": words.edge(band)}])).encode(
            text="text:N", x=alt.X("low:Q")
        )
        lift = _ROW + 1 if close and number % 2 else 0
        layers += _rimmed(base, align="right" if far else "left", dx=-4 if far else 4, y=0, baseline="bottom", dy=-4 - lift)
    return layers


def _close(shown: Sequence[Document], low: float, high: float) -> bool:
    """Names of neighbouring edges would touch on one line."""
    name = 0.22 * (high - low)  # how much of the scale the longest one covers
    return any(
        upper["from"] - lower["from"] < (2 * name if _far(upper, low, high) > _far(lower, low, high) else name)
        for upper, lower in pairwise(shown)
    )


def _far(band: Document, low: float, high: float) -> bool:
    """So far on the right that the edge's name turns inwards."""
    return bool(band["from"] > low + 0.8 * (high - low))


def _rimmed(base: alt.Chart, **style: Any) -> list[Any]:
    """A text with a white rim, that can be read on lines and areas."""
    style = {"fontSize": _SMALL, **style}
    return [base.mark_text(**style, stroke="white", strokeWidth=4, strokeJoin="round"), base.mark_text(**style, color=INK)]


def _interval_row(commune: Document, which: str) -> dict[str, Any]:
    figures = commune[which] or commune["index"]
    return {"name": commune["name"], **{key: figures[key] for key in _SPREAD},
            "text": words.one(figures["p50"])}  # fmt: skip


def _possible(chances: Sequence[float]) -> list[int]:
    """All ranks of a small district; of a large one those between the first and the last that can happen at all."""
    if len(chances) <= 15:
        return list(range(1, len(chances) + 1))
    happening = [rank for rank, p in enumerate(chances, 1) if p >= 0.001]
    return list(range(happening[0], happening[-1] + 1))


def _finished(layers: Sequence[Any], title: str, lines: Sequence[str], height: float) -> alt.LayerChart:
    """One flat chart: each property set later, each nested layer, would copy all of it once more."""
    head = alt.TitleParams(
        text=wrap(title, 52), subtitle=[part for line in lines for part in wrap(line, 72)], anchor="start", frame="bounds",
        fontSize=16, subtitleFontSize=_SMALL + 1, offset=14, subtitlePadding=6, color=INK, subtitleColor="#444444",
        lineHeight=20, subtitleLineHeight=17,
    )  # fmt: skip
    return alt.layer(
        *layers, title=head, width=WIDTH, height=height, padding=12, background="white", config=_CONFIG,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )  # fmt: skip
