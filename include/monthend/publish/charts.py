"""Charts: a line of months with its mean and limits, or horizontal bars that compare areas.

One colour; a signal is told by a marker's shape and named in the legend, so nothing depends on telling colours apart.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from openpyxl.chart import BarChart, LineChart
from openpyxl.chart.axis import DateAxis
from openpyxl.chart.data_source import AxDataSource, NumDataSource, NumRef, StrRef
from openpyxl.chart.label import DataLabel, DataLabelList
from openpyxl.chart.layout import Layout, ManualLayout
from openpyxl.chart.legend import Legend, LegendEntry
from openpyxl.chart.marker import Marker
from openpyxl.chart.series import Series as DrawnSeries
from openpyxl.chart.series import SeriesLabel
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.text import RichText, Text
from openpyxl.chart.title import Title
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.text import (
    CharacterProperties,
    Font,
    Paragraph,
    ParagraphProperties,
    RegularTextRun,
    RichTextProperties,
)
from openpyxl.utils import get_column_letter

from monthend.publish.book import Chart, Series, Table, safe_text, value_of

COLOUR = "1F3864"
GREY = "595959"
LIGHT_GREY = "D9D9D9"
WIDTH_CM, HEIGHT_CM = 24.0, 9.2  # above a table
PAGE_WIDTH_CM, PAGE_HEIGHT_CM = 26.0, 13.0  # on a sheet of its own

# Each signal has a shape of its own; those of a run are smaller, since seven stand in a row.
_SIGNALS: dict[str, tuple[Any, int]] = {
    "outside": ("diamond", 12),
    "trend": ("triangle", 10),
    "two_in_three": ("square", 9),
    "shift": ("circle", 8),
}
_EMU_PER_POINT = 12_700


@dataclass(frozen=True)
class Placed:
    """A table in a worksheet: the row of its headings and that of its last cells."""

    sheet: str
    table: Table
    top: int
    bottom: int


def draw(chart: Chart, data: Placed) -> Any:
    """Draw `chart` from the cells of `data`; its place on a sheet is the caller's to set."""
    drawn: Any = _line_chart(chart, data) if chart.kind == "line" else _bar_chart(chart, data)
    drawn.title = _title(_heading(chart), size=13, bold=True)
    drawn.width, drawn.height = WIDTH_CM, HEIGHT_CM
    # Without `delete` written out, Excel hides the axes.
    drawn.x_axis.delete = drawn.y_axis.delete = False
    drawn.x_axis.majorGridlines = None
    drawn.x_axis.txPr = drawn.y_axis.txPr = _text_properties(10)
    drawn.x_axis.graphicalProperties = GraphicalProperties(ln=_line(GREY, 0.75))
    drawn.y_axis.majorGridlines.spPr = GraphicalProperties(ln=_line(LIGHT_GREY, 0.5))
    drawn.y_axis.graphicalProperties = GraphicalProperties(ln=LineProperties(noFill=True))
    drawn.y_axis.scaling.min, drawn.y_axis.scaling.max = _range(chart, data)
    drawn.display_blanks = "gap"
    drawn.graphical_properties = GraphicalProperties(ln=LineProperties(noFill=True))
    drawn.roundedCorners = False
    return drawn


def _line_chart(chart: Chart, data: Placed) -> LineChart:
    drawn = LineChart()
    category = data.table.index(chart.category)
    months = data.table.columns[category].kind == "month"
    if months:
        drawn.x_axis = DateAxis(crossAx=drawn.y_axis.axId)
        drawn.y_axis.crossAx = drawn.x_axis.axId
        drawn.x_axis.number_format = "mmm yyyy"
        drawn.x_axis.majorUnit = _months_between_labels(len(data.table.rows))
        drawn.x_axis.majorTimeUnit = drawn.x_axis.baseTimeUnit = "months"
    drawn.x_axis.axPos = "b"
    drawn.x_axis.tickLblPos = "low"
    drawn.y_axis.crossBetween = "midCat" if months else "between"
    drawn.y_axis.number_format = "#,##0" + _decimals(chart, data)
    drawn.y_axis.title = _title(chart.unit, size=10, bold=False, layout=(0.005, 0.09), upright=True)
    drawn.marker = True
    for series in chart.series:
        drawn.series.append(_line_series(series, chart, data, months))
    signals = [index for index, series in enumerate(chart.series) if series.role in _SIGNALS]
    drawn.legend = _legend(signals, len(chart.series)) if signals else None
    height = (0.63 if signals else 0.7) - (0 if months else 0.08)  # names of quarters wrap
    drawn.layout = _inner(0.06, 0.18, 0.79, height)
    return drawn


def _line_series(series: Series, chart: Chart, data: Placed, months: bool) -> DrawnSeries:
    drawn = _series(series, chart, data, months)
    drawn.smooth = False
    drawn.marker = Marker(symbol="none")
    if series.role in _SIGNALS:
        symbol, size = _SIGNALS[series.role]
        filled = GraphicalProperties(solidFill=COLOUR, ln=_line(COLOUR, 0.75))
        drawn.marker = Marker(symbol=symbol, size=size, spPr=filled)
        drawn.graphicalProperties = GraphicalProperties(ln=LineProperties(noFill=True))
    elif series.role == "values":
        filled = GraphicalProperties(solidFill=COLOUR, ln=_line(COLOUR, 0.5))
        drawn.marker = Marker(symbol="circle", size=4, spPr=filled)
        drawn.graphicalProperties = GraphicalProperties(ln=_line(COLOUR, 2))
    else:
        line = _line(GREY, 1.25, "dash" if series.role == "limit" else "solid")
        drawn.graphicalProperties = GraphicalProperties(ln=line)
        drawn.dLbls = _name_at(_last_point(series, data))
    return drawn


def _bar_chart(chart: Chart, data: Placed) -> BarChart:
    drawn = BarChart()
    drawn.type = "bar"
    drawn.gapWidth = 45
    drawn.x_axis.axPos = "l"
    drawn.x_axis.scaling.orientation = "maxMin"  # first row on top, as in the table
    drawn.y_axis.axPos = "t"
    drawn.y_axis.crosses = "max"
    drawn.y_axis.number_format = "#,##0" + _decimals(chart, data)
    drawn.y_axis.title = _title(chart.unit, size=10, bold=False)
    for series in chart.series:
        bars = _series(series, chart, data, months=False)
        bars.graphicalProperties = GraphicalProperties(solidFill=COLOUR)
        bars.dLbls = DataLabelList(showVal=True, **_HIDDEN_LABEL_PARTS, dLblPos="outEnd", txPr=_text_properties(10))
        bars.dLbls.numFmt = drawn.y_axis.number_format
        drawn.series.append(bars)
    drawn.legend = None
    return drawn


_HIDDEN_LABEL_PARTS = {"showSerName": False, "showCatName": False, "showLegendKey": False, "showPercent": False}


def _series(series: Series, chart: Chart, data: Placed, months: bool) -> DrawnSeries:
    categories = _reference(data, data.table.index(chart.category))
    return DrawnSeries(
        tx=SeriesLabel(v=safe_text(series.label)),
        cat=AxDataSource(numRef=NumRef(f=categories)) if months else AxDataSource(strRef=StrRef(categories)),
        val=NumDataSource(numRef=NumRef(f=_reference(data, data.table.index(series.column)))),
    )


def _reference(data: Placed, column: int) -> str:
    letter = get_column_letter(column + 1)
    return f"'{data.sheet}'!${letter}${data.top + 1}:${letter}${data.bottom}"


def _name_at(point: int) -> DataLabelList:
    """Write a series' name beside one of its points, and nothing at the others."""
    label = DataLabel(idx=point, showSerName=True, showVal=False, dLblPos="r", txPr=_text_properties(10, GREY))
    label.showCatName = label.showLegendKey = label.showPercent = False
    return DataLabelList(dLbl=[label], showVal=False, **_HIDDEN_LABEL_PARTS)


def _last_point(series: Series, data: Placed) -> int:
    column = data.table.index(series.column)
    return max(index for index, row in enumerate(data.table.rows) if value_of(row[column]) is not None)


def _heading(chart: Chart) -> str:
    start = chart.minimum or 0
    return chart.title + (f" (the axis starts at {start:,g})" if start > 0 else "")


def _range(chart: Chart, data: Placed) -> tuple[float | None, float | None]:
    if chart.minimum is not None:
        return chart.minimum, chart.maximum
    columns = [data.table.index(series.column) for series in chart.series]
    values = [value_of(row[column]) for row in data.table.rows for column in columns]
    below_zero = any(value < 0 for value in values if isinstance(value, int | Decimal))
    return None if below_zero else 0, chart.maximum


def _decimals(chart: Chart, data: Placed) -> str:
    """Give the decimals of the axis' numbers: those of the values drawn."""
    drawn = [data.table.columns[data.table.index(series.column)] for series in chart.series if series.role == "values"]
    places = max((column.decimals for column in drawn), default=0)
    return "." + "0" * places if places else ""


def _months_between_labels(months: int) -> int:
    """Leave room for about twelve labels, at whole quarters, half years or years."""
    return next((unit for unit in (1, 3, 6, 12) if months / unit <= 12), 12 * math.ceil(months / 144))


def _legend(shown: list[int], count: int) -> Legend:
    legend = Legend()
    legend.position = "b"
    legend.legendEntry = [LegendEntry(idx=index, delete=True) for index in range(count) if index not in shown]
    legend.txPr = _text_properties(10)
    legend.overlay = False
    return legend


def _inner(x: float, y: float, width: float, height: float) -> Layout:
    return Layout(
        manualLayout=ManualLayout(layoutTarget="inner", xMode="edge", yMode="edge", x=x, y=y, w=width, h=height)
    )


def _line(colour: str, points: float, dash: Literal["solid", "dash"] = "solid") -> LineProperties:
    return LineProperties(solidFill=colour, w=round(points * _EMU_PER_POINT), prstDash=dash)


def _characters(size: int, bold: bool = False, colour: str = "000000") -> CharacterProperties:
    return CharacterProperties(latin=Font(typeface="Arial"), sz=size * 100, b=bold, solidFill=colour)


def _text_properties(size: int, colour: str = "000000") -> RichText:
    properties = ParagraphProperties(defRPr=_characters(size, colour=colour))
    return RichText(p=[Paragraph(pPr=properties, endParaRPr=_characters(size, colour=colour))])


def _title(text: str, size: int, bold: bool, layout: tuple[float, float] | None = None, upright: bool = False) -> Title:
    run = RegularTextRun(rPr=_characters(size, bold), t=safe_text(text))
    body = RichTextProperties(rot=0, vert="horz") if upright else RichTextProperties()
    paragraph = Paragraph(pPr=ParagraphProperties(defRPr=_characters(size, bold)), r=[run])
    title = Title(tx=Text(rich=RichText(bodyPr=body, p=[paragraph])), overlay=False)
    if layout:
        title.layout = Layout(manualLayout=ManualLayout(xMode="edge", yMode="edge", x=layout[0], y=layout[1]))
    return title
