"""The template of a return: the workbook that a partner fills in, in the words of its feed's form and suite."""

import json
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Border, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.table import Table

from monthend import form, warehouse
from monthend.errors import WrongCall
from monthend.load import newest_load
from monthend.office import Office
from monthend.plan.calendar import add_months, financial_quarter_end, month_end
from monthend.plan.declarations import Declarations, Feed, Form, FormItem
from monthend.publish.frozen import save_frozen
from monthend.publish.layout import line_count, page_lines, row_height
from monthend.publish.styles import Styles
from monthend.publish.words import of_day, of_month

MARKING = "OFFICIAL"
CHECKS = "Checks"
TITLE_SIZE = 16
OPEN = {  # what a partner fills in of an item, by its unit
    "count": {"value", "missing_reason", "narrative", "source_system"},
    "percent": {"numerator", "denominator", "missing_reason", "narrative", "source_system"},
    "text": {"missing_reason", "narrative", "source_system"},
}
YEAR_STARTS = 4  # April


def write(
    declarations: Declarations, feed: Feed, quarter: str, area_code: str, given: Mapping[str, str], path: Path
) -> None:
    """Write the workbook in which the partner of `area_code` (an ONS code) makes the return of `quarter` to `path`.

    A quarter goes by its last month (YYYY-MM). `given` is what stands beside each item as the quarter before's, in
    words, by item. The same call writes the same bytes. Raises WrongCall where the feed has no form, or expects no
    such return.
    """
    asked = form_of(feed)
    if not feed.area_name(area_code):
        raise WrongCall(f"{feed.feed} expects no return of {area_code}.")
    if not feed.in_force(quarter):
        raise WrongCall(f"{feed.feed} expects no return for {quarter}.")
    workbook: Any = Workbook()  # the stubs know too little of it
    styles = Styles(workbook, filled_headings=True)
    plan = declarations.plan
    title = f"{feed.title}: {feed.area_name(area_code)}, three months to {of_month(quarter)}"
    _write_instructions(workbook.worksheets[0], styles, plan.organisation, feed, title, quarter)
    _write_form(workbook.create_sheet(form.SHEET), styles, feed, asked, title, quarter, area_code, given)
    _write_checks(workbook.create_sheet(CHECKS), styles, declarations.suite(feed))
    properties = workbook.properties
    properties.title, properties.language, properties.category = title, "en-GB", f"Marking: {MARKING}"
    properties.creator = properties.lastModifiedBy = plan.organisation
    properties.identifier = f"{feed.feed} {asked.version} {quarter} {area_code}"
    properties.created = properties.modified = datetime.combine(month_end(quarter), time())
    workbook.active = 0
    save_frozen(workbook, path, {})


def form_of(feed: Feed) -> Form:
    """The form of a feed. Raises WrongCall where it has none."""
    if feed.form is None:
        raise WrongCall(f"{feed.feed}: it has no form to fill in; its columns are in include/feeds/{feed.feed}.yaml.")
    return feed.form


def quarter_of(text: str) -> str:
    """The last month (YYYY-MM) of a quarter: `2017-Q1` (April to June 2017), or that month itself.

    Raises WrongCall for anything else.
    """
    year, _, number = text.partition("-Q")
    if year.isdigit() and len(year) == 4 and number in ("1", "2", "3", "4"):
        return add_months(f"{year}-{YEAR_STARTS:02}", 3 * int(number) - 1)
    try:
        if financial_quarter_end(text) == text:
            return text
    except ValueError:
        pass
    raise WrongCall(f"--quarter {text}: is no quarter, such as 2017-Q1 or 2017-06 (April to June 2017).")


def period_of(item: FormItem, quarter: str) -> tuple[date, date]:
    """The first and last day that an item's figure covers in a quarter's return."""
    last = month_end(quarter)
    if item.basis == "snapshot":
        return last, last
    months = 2 if item.basis == "discrete" else (last.month - YEAR_STARTS) % 12
    return date.fromisoformat(f"{add_months(quarter, -months)}-01"), last


def given(office: Office, feed: Feed, quarter: str, area_code: str) -> dict[str, str]:
    """What the partner's return of the quarter before says of each item, in words.

    Raises WrongCall where the feed has no form.
    """
    form_of(feed)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT item_code, value, numerator, denominator, missing_reason"  # noqa: S608 - the feed is declared
            f" FROM reporting.{feed.feed}_at(:load) WHERE sender = :area AND delivery_period = :before",
            load=newest_load(connection),
            area=area_code,
            before=add_months(quarter, -3),
        )
    return {row["item_code"]: figure_in_words(row) for row in rows}


def figure_in_words(row: Mapping[str, Any]) -> str:
    """A row's figure as a reader sees it: a count, a part of a whole, or why there is none; empty of words."""
    if row["missing_reason"]:
        return form.REASONS.get(row["missing_reason"], "Left blank")
    if row["denominator"] is not None:
        return f"{row['numerator']:,f} of {row['denominator']:,f}"
    return "" if row["value"] is None else f"{row['value']:,f}"


def _write_instructions(
    worksheet: Any, styles: Styles, organisation: str, feed: Feed, title: str, quarter: str
) -> None:
    worksheet.title = form.INSTRUCTIONS
    due = feed.due_on(quarter)
    _lines(
        worksheet,
        styles,
        title,
        [
            f"Marking: {MARKING}",
            f"Fill in the cells with a border on worksheet {form.SHEET}, and send this workbook to {feed.contact}"
            + (f" by {of_day(due)}." if due else "."),
            "The other cells are protected; leave rows, columns and headings as they are.",
            "Where there is no figure, choose why from the list: what is not known is never 0, nor last quarter's.",
            "Where a figure of the police differs from their own, theirs is shown and the difference noted.",
            f"A return with faults comes back with each faulty cell commented; {CHECKS} says what is checked.",
            f"Questions: {organisation}, {feed.contact}.",
            "This worksheet contains one table.",
        ],
    )
    rows = [
        ("Column", "Who fills it in", "What stands there"),
        *((column.heading, "You" if column.partner else "Filled in already", column.help) for column in form.COLUMNS),
        *((words, "In the list", "A reason why there is no figure.") for words in form.REASONS.values()),
    ]
    _table(worksheet, styles, rows, (28, 22, 80), "tbl_instructions")


def _write_form(
    worksheet: Any,
    styles: Styles,
    feed: Feed,
    asked: Form,
    title: str,
    quarter: str,
    area_code: str,
    given: Mapping[str, str],
) -> None:
    _lines(worksheet, styles, title, ["Fill in the cells with a border. This worksheet contains one table."])
    above = (feed.feed, asked.version, quarter, area_code, None, None)
    for label, value in zip(form.LABELS, above, strict=True):
        row = worksheet.max_row + 1
        styles.put(worksheet, row, 1, label, "line")
        cell = styles.put(worksheet, row, 2, value, "text", "yyyy-mm-dd" if label == form.SIGNED_ON else "General")
        if value is None:
            _open(cell)
    top = worksheet.max_row + 1
    cells: list[Sequence[Any]] = [[column.heading for column in form.COLUMNS]]
    for item in asked.items:
        first, last = period_of(item, quarter)
        shown = {"sp": item.priority, "item_code": item.item, "unit": item.unit, "basis": item.basis}
        shown |= {"item_period_start": first, "item_period_end": last}  # type: ignore[dict-item]
        words = iter((item.title, given.get(item.item, "")))  # of the two columns that are shown only
        cells.append([shown.get(column.column) if column.column else next(words) for column in form.COLUMNS])
    _table(worksheet, styles, cells, [column.width for column in form.COLUMNS], "tbl_return")
    for offset, item in enumerate(asked.items, start=1):
        for place, column in enumerate(form.COLUMNS, start=1):
            if column.column in OPEN[item.unit]:
                _open(worksheet.cell(top + offset, place))
    last_row = top + len(asked.items)
    for place, column in enumerate(form.COLUMNS, start=1):
        if column.partner:
            letter = get_column_letter(place)
            _validate(worksheet, column, f"{letter}{top + 1}:{letter}{last_row}")
    worksheet.protection.sheet = True
    worksheet.protection.formatColumns = worksheet.protection.formatRows = False  # allowed
    worksheet.freeze_panes = worksheet.cell(top + 1, 2)


def _validate(worksheet: Any, column: form.Column, cells: str) -> None:
    """What Excel lets into a column's cells, with the column's own help."""
    if column.column == "missing_reason":
        rule = DataValidation("list", formula1='"' + ",".join(form.REASONS.values()) + '"', allow_blank=True)
    elif column.column in form.FIGURES:
        rule = DataValidation("decimal", operator="greaterThanOrEqual", formula1="0", allow_blank=True)
    else:
        rule = DataValidation("textLength", operator="lessThanOrEqual", formula1="32000", allow_blank=True)
    rule.promptTitle = rule.errorTitle = column.heading
    rule.prompt = rule.error = column.help
    rule.showInputMessage = rule.showErrorMessage = True
    worksheet.add_data_validation(rule)
    rule.add(cells)


def _write_checks(worksheet: Any, styles: Styles, path: Path) -> None:
    _lines(worksheet, styles, "What is checked", ["This worksheet contains one table."])
    suite = json.loads(path.read_text(encoding="utf-8"))
    rows = [("What holds", "What to do where it does not", "Check")]
    for each in suite["expectations"]:
        meta = each["meta"]
        rows.append((each["description"].removeprefix(f"[{meta['check_id']}] "), meta["to_do"], meta["check_id"]))
    _table(worksheet, styles, rows, (70, 70, 10), "tbl_checks")


def _lines(worksheet: Any, styles: Styles, title: str, lines: Sequence[str]) -> None:
    styles.put(worksheet, 1, 1, title, "title")
    worksheet.row_dimensions[1].height = row_height(1, TITLE_SIZE)
    for row, line in enumerate((part for text in lines for part in page_lines(text)), start=2):
        styles.put(worksheet, row, 1, line, "line")


def _table(worksheet: Any, styles: Styles, rows: Sequence[Sequence[Any]], widths: Sequence[int], name: str) -> None:
    top = worksheet.max_row + 1
    for place, width in enumerate(widths, start=1):
        worksheet.column_dimensions[get_column_letter(place)].width = width
    for offset, values in enumerate(rows):
        lines = 1
        for place, (value, width) in enumerate(zip(values, widths, strict=True), start=1):
            role = "text" if offset else "text heading"
            number_format = "yyyy-mm-dd" if isinstance(value, date) else "General"
            styles.put(worksheet, top + offset, place, value, role, number_format)
            lines = max(lines, line_count(str(value or ""), width, bold=not offset))
        worksheet.row_dimensions[top + offset].height = row_height(lines)
    table: Any = Table(displayName=name, ref=f"A{top}:{get_column_letter(len(widths))}{top + len(rows) - 1}")
    table._initialise_columns()
    for column, heading in zip(table.tableColumns, rows[0], strict=True):
        column.name = heading
    table.autoFilter = None
    worksheet.add_table(table)
    worksheet.page_setup.orientation, worksheet.page_setup.paperSize = "landscape", 9  # A4
    worksheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    worksheet.page_setup.fitToWidth, worksheet.page_setup.fitToHeight = 1, 0
    worksheet.print_title_rows = f"{top}:{top}"


def _open(cell: Any) -> None:
    """Let a cell be filled in, and show by a border that it is one to fill in."""
    line = Side(style="thin")
    cell._style = copy(cell._style)
    cell.protection = Protection(locked=False)
    cell.border = Border(left=line, right=line, top=line, bottom=line)
