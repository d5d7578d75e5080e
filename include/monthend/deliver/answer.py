"""Answer a partner's return: with its own workbook, each faulty cell commented, or with what was read of it."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.properties import PageSetupProperties

from monthend import warehouse
from monthend.deliver.notice import ANSWER, Attachment, Told, notify
from monthend.deliver.settings import Settings
from monthend.office import Office
from monthend.plan.calendar import add_months
from monthend.plan.declarations import Feed
from monthend.publish.frozen import save_frozen
from monthend.publish.layout import line_count, row_height
from monthend.publish.words import of_day
from monthend.receive import stored_path
from monthend.template import figure_in_words
from monthend.validate import derived, reader, returns, workbook

FAULTS = "Faults"
LOOKS_BACK = timedelta(days=7)
LARGEST = 10 * 2**20  # bytes that a workbook unpacks to, above which it is answered in words alone
WIDTHS, TITLE_SIZE = (14, 44, 60, 60, 10), 16  # of the columns of that worksheet; of its title
COMMENT = (360, 160)  # width and height in points


@dataclass(frozen=True)
class Fault:
    """What is wrong with a return: in which cell or, of the return as a whole, none; the item; what to do about it."""

    check_id: str
    part: str
    cell: str
    item: str
    wrong: str
    to_do: str


@dataclass(frozen=True)
class _Answered:
    """A return that came, and its newest validation."""

    delivery: dict[str, Any]
    feed: Feed
    faults: tuple[Fault, ...]
    given: returns.Return | None  # None: it could not be read, or is no workbook


def answer(office: Office, on: date, settings: Settings) -> list[Told]:
    """Answer each partner's return that came on business date `on` to its sender, at most once for each validation.

    Also one of the week before that was never answered, as after a run that failed, where it is of the newest period.
    What has rows of people, which are kept for a time only, is no return: its owner is told of it in the round-up.
    Raises as `notify` does.
    """
    feeds = office.declarations.feeds.values()
    returned = [feed for feed in feeds if feed.source == "partner" and not feed.retention_months]
    with office.engine.connect() as connection:
        came = warehouse.query(
            connection,
            "SELECT DISTINCT d.delivery_id FROM landing.delivery d JOIN landing.receipt r USING (delivery_id)"
            " JOIN quality.validation v USING (delivery_id)"
            " JOIN unnest(CAST(:names AS text[]), CAST(:newest AS text[])) AS f(feed, period) ON f.feed = d.feed"
            " WHERE r.received_on = :on OR r.received_on BETWEEN :first AND :on AND d.period = f.period"
            "  AND NOT EXISTS (SELECT FROM delivery.notice n"
            "   WHERE starts_with(n.about, :answer || d.delivery_id || '/'))"
            " ORDER BY 1",
            names=[feed.feed for feed in returned],
            newest=[feed.newest_period(add_months(f"{on:%Y-%m}", -1)) for feed in returned],
            on=on,
            first=on - LOOKS_BACK,
            answer=ANSWER,
        )
    told = []
    for row in came:
        answered = _answered(office, row["delivery_id"])
        if answered is None:
            continue
        delivery, feed = answered.delivery, answered.feed
        name = feed.delivery_name(delivery["period"], delivery["area_code"])
        told += notify(
            office,
            f"{ANSWER}{delivery['delivery_id']}/{delivery['validation_id']}",
            [feed.contact_of(delivery["area_code"])],
            f"{name}: {'please put right' if answered.faults else 'taken, with thanks'}",
            _words(office, answered, name),
            settings,
            _attachment(office, answered),
            "OFFICIAL-SENSITIVE" if _sensitive(office, feed) else "OFFICIAL",
        )
    return told


def commented(data: bytes, sheet: str, found: Sequence[Fault], title: str, organisation: str) -> bytes:
    """The workbook `data` with a comment on each faulty cell of `sheet` and a first sheet that lists them.

    What an answer before put into it is taken out; nothing else is changed. The same call gives the same bytes.
    """
    book: Any = load_workbook(io.BytesIO(data))
    worksheet = book[sheet]
    if FAULTS in book.sheetnames:
        del book[FAULTS]
    for cell in (cell for row in worksheet for cell in row if cell.comment and cell.comment.author == organisation):
        cell.comment = None
    by_cell: dict[str, list[Fault]] = {}
    for fault in found:
        if fault.cell:
            by_cell.setdefault(fault.cell, []).append(fault)
    for address, of_cell in by_cell.items():
        cell = worksheet[address]
        said = [f"{fault.wrong} {fault.to_do} ({fault.check_id})" for fault in of_cell]
        before = [cell.comment.text] if cell.comment else []
        cell.comment = Comment("\n".join([*before, *said]), organisation, COMMENT[1], COMMENT[0])
    listed = book.create_sheet(FAULTS, 0)
    rows = [(title,), ("Cell", "Item", "Expected", "What to do", "Check")]
    rows += [(f.cell or "whole return", f.item, f.wrong, f.to_do, f.check_id) for f in found]
    for number, values in enumerate(rows, start=1):
        lines = 1
        for place, (value, width) in enumerate(zip(values, WIDTHS, strict=False), start=1):
            cell = listed.cell(number, place, value)
            cell.data_type = "s"
            cell.font = Font(name="Arial", size=12 if number > 1 else TITLE_SIZE, bold=number <= 2)
            cell.alignment = Alignment(wrap_text=number > 1, vertical="top")
            listed.column_dimensions[cell.column_letter].width = width
            lines = max(lines, line_count(value, width) if number > 1 else 1)
        listed.row_dimensions[number].height = row_height(lines, 12 if number > 1 else TITLE_SIZE)
    listed.page_setup.orientation, listed.page_setup.paperSize = "landscape", 9  # A4
    listed.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    listed.page_setup.fitToHeight = 0
    for each in book.worksheets:
        each.sheet_view.tabSelected = each is listed
    book.active = 0
    written = io.BytesIO()
    save_frozen(book, written, {})
    return written.getvalue()


def _sensitive(office: Office, feed: Feed) -> bool:
    """Whether a measure that is counted from a feed is sensitive."""
    return any(each.sensitive and each.feed == feed.feed for each in office.declarations.measures.values())


def _answered(office: Office, delivery_id: int) -> _Answered | None:
    with office.engine.connect() as connection:
        (delivery,) = warehouse.query(
            connection,
            "SELECT d.*, v.validation_id, v.verdict, min(r.received_on) AS received_on,"
            " (array_agg(r.origin ORDER BY r.receipt_id DESC))[1] AS origin"
            " FROM landing.delivery d JOIN landing.receipt r USING (delivery_id)"
            " JOIN quality.validation v USING (delivery_id) WHERE d.delivery_id = :delivery_id"
            " AND NOT EXISTS (SELECT FROM quality.validation later WHERE later.delivery_id = d.delivery_id"
            "  AND later.validation_id > v.validation_id)"
            " GROUP BY d.delivery_id, v.validation_id",
            delivery_id=delivery_id,
        ) or (None,)
        feed = office.declarations.feeds.get(delivery["feed"]) if delivery else None
        if delivery is None or feed is None:
            return None
        failed = warehouse.query(
            connection,
            "SELECT c.check_id, c.part, c.action, c.description, c.detail,"
            " coalesce(array_agg(f.row_number ORDER BY f.row_number) FILTER (WHERE f.row_number IS NOT NULL), '{}')"
            "  AS rows FROM quality.check_result c LEFT JOIN (SELECT validation_id, check_id, part, row_number"
            "  FROM quality.quarantined_row UNION ALL SELECT validation_id, check_id, part, row_number"
            "  FROM quality.failing_row) f USING (validation_id, check_id, part)"
            " WHERE c.validation_id = :validation_id AND c.outcome = 'failed' AND c.action <> 'info'"
            " AND c.waiver_id IS NULL GROUP BY c.check_id, c.part, c.action, c.description, c.detail ORDER BY 1, 2",
            validation_id=delivery["validation_id"],
        )
    path = stored_path(office, delivery["sha256"])
    given: returns.Return | None = None
    try:
        with path.open("rb") as file:
            is_workbook = workbook.is_workbook(file.read(8))
        if is_workbook:
            given = returns.read(path, feed) if feed.form else _plain(path, feed)
        table = given.table if given else reader.read(path, feed)
    except reader.Unreadable:
        table = None
    found = _faults(office, feed, failed, table.to_pylist() if table is not None else [], given)
    return _Answered(delivery, feed, tuple(found), given)


def _plain(path: Path, feed: Feed) -> returns.Return:
    """A return that is a plain workbook: its rows, and the cell of each value."""
    table = workbook.read(path, feed)
    sheet, letters = workbook.columns(path, feed)
    numbers = range(1, table.num_rows + 1)
    cells = {(number, column): f"{letter}{number + 1}" for number in numbers for column, letter in letters.items()}
    return returns.Return(table, sheet, cells)


def _faults(
    office: Office,
    feed: Feed,
    failed: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, str | None]],
    given: returns.Return | None,
) -> list[Fault]:
    """Each failing row of each check as a fault of a cell; of a row that stands wrong nothing else is said."""
    suite = json.loads(office.declarations.suite(feed).read_text(encoding="utf-8"))
    checks = {(each["meta"]["check_id"], each["meta"]["part"]): each for each in suite["expectations"]}
    titles = _titles(office, feed)
    found: dict[tuple[str, str, str, str], Fault] = {}
    order: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    columns = [each.column for each in feed.columns]
    for each in failed:
        check = checks.get((each["check_id"], each["part"]))
        if check is None:  # of the file as a whole; that it differs from others is for the office
            if each["action"] != "block_feed":
                continue
            fault = Fault(each["check_id"], each["part"], "", "", each["detail"] or each["description"], "")
            found[fault.check_id, fault.part, "", ""] = fault
            continue
        named = check["kwargs"].get("column") == returns.LAYOUT
        column = returns.LAYOUT if named else next(iter(derived.own_columns(feed, check)), "")
        for number in each["rows"]:
            row = rows[number - 1]
            if row.get(returns.LAYOUT) and not named:
                continue
            cell = given.cells.get((number, column), "") if given else f"row {number}, {column}"
            item = "" if column in returns.ABOVE else _item(feed, titles, row)
            key = (each["check_id"], each["part"], cell, item)
            order[key] = (
                (0, 0) if column in returns.ABOVE else (number, columns.index(column) if column in columns else 0)
            )
            to_do = check["meta"].get("to_do", "")
            found[key] = Fault(each["check_id"], each["part"], cell, item, each["description"], to_do)
    return sorted(found.values(), key=lambda f: order.get((f.check_id, f.part, f.cell, f.item), (-1, 0)))


def _item(feed: Feed, titles: Mapping[str, str], row: Mapping[str, Any]) -> str:
    """What a row is of: the title of its item, or its key as far as there is one."""
    if feed.form:
        return titles.get(row["item_code"] or "", "")
    return ", ".join(titles.get(row[name], str(row[name])) for name in feed.key if row[name])


def _titles(office: Office, feed: Feed) -> dict[str, str]:
    """What stands for a code in what a row is of: titles of a form's items, else names of areas."""
    if feed.form:
        return {item.item: item.title for item in feed.form.items}
    return {area.code: area.name_in_rows for each in office.declarations.feeds.values() for area in each.areas}


def _attachment(office: Office, answered: _Answered) -> Attachment | None:
    """The return's own workbook, commented; none of one without a fault, or that is not opened here."""
    delivery, given = answered.delivery, answered.given
    if given is None or not answered.faults:
        return None
    data = stored_path(office, delivery["sha256"]).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > LARGEST:
            return None
    title = f"What to put right: {answered.feed.delivery_name(delivery['period'], delivery['area_code'])}"
    data = commented(data, given.sheet, answered.faults, title, office.declarations.plan.organisation)
    return Attachment(PurePosixPath(delivery["origin"].rpartition("!")[2]).name, data)


def _words(office: Office, answered: _Answered, name: str) -> str:
    delivery, feed = answered.delivery, answered.feed
    came = f"{name}: your return came on {of_day(delivery['received_on'])}."
    since = _since(office, answered)
    if not answered.faults:
        read = "\n".join(f"- {line}" for line in _as_read(office, answered))
        return "\n\n".join(filter(None, (f"{came} It is taken. Thank you.", since, f"It was read so:\n{read}")))
    taken = {
        "blocked": "Nothing of it is taken until it is put right.",
        "quarantined": "The rows that do not hold count nowhere until then; the rest of the return is taken.",
    }.get(delivery["verdict"], "All of it is taken as it is.")
    where = "Each is commented in the workbook attached, and listed on its first worksheet. " if answered.given else ""
    listed = "\n".join(f"- {_in_words(fault)}" for fault in answered.faults)
    count = len(answered.faults)
    return "\n\n".join(
        filter(
            None,
            (
                f"{came} {count} thing{'s are' if count > 1 else ' is'} to be put right. {taken}",
                since,
                f"{where}What is expected, and what to do:\n{listed}",
                f"Please send the whole return again to {feed.contact}, under the same file name.",
            ),
        )
    )


def _in_words(fault: Fault) -> str:
    """A fault on a line: where, of which item, what is expected and what to do."""
    where = [f"{fault.cell}:"] if fault.cell else []
    item = [f"{fault.item}."] if fault.item else []
    return " ".join([*where, *item, fault.wrong, fault.to_do]).rstrip()


def _as_read(office: Office, answered: _Answered) -> list[str]:
    """What was read of each item, as the warehouse has it."""
    feed = answered.feed
    titles = _titles(office, feed)
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            f"SELECT * FROM reporting.{feed.feed} WHERE delivery_id = :delivery_id ORDER BY row_number",  # noqa: S608
            delivery_id=answered.delivery["delivery_id"],
        )
    if not feed.form:
        shown = [column for column in feed.columns if column.column not in feed.key]
        return [
            f"{_item(feed, titles, row)}: "
            + "; ".join(f"{each.in_words} {_value(row[each.column])}" for each in shown if row[each.column] is not None)
            for row in rows
        ]
    return [
        f"{titles[row['item_code']]}: {figure_in_words(row) or str(len(row['narrative'].split())) + ' words'}"
        for row in rows
        if row["item_code"] in titles
    ]


def _value(value: Any) -> str:
    """A value of a row as a reader sees it."""
    if isinstance(value, date):
        return of_day(value)
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _since(office: Office, answered: _Answered) -> str:
    """What a return that was sent again puts right of the one before, and what it does not."""
    with office.engine.connect() as connection:
        before = warehouse.query(
            connection,
            "SELECT d.delivery_id FROM landing.delivery d JOIN landing.delivery l USING (feed, period, area_code)"
            " WHERE l.delivery_id = :delivery_id AND d.delivery_id < l.delivery_id"
            " AND EXISTS (SELECT FROM quality.validation v WHERE v.delivery_id = d.delivery_id)"
            " ORDER BY d.delivery_id DESC LIMIT 1",
            delivery_id=answered.delivery["delivery_id"],
        )
    if not before:
        return ""
    earlier = _answered(office, before[0]["delivery_id"])
    if earlier is None:
        return ""
    now = {(fault.check_id, fault.part, fault.item): fault for fault in answered.faults}
    then = {(fault.check_id, fault.part, fault.item): fault for fault in earlier.faults}
    fixed, still, new = len(then.keys() - now.keys()), len(then.keys() & now.keys()), len(now.keys() - then.keys())
    return (
        f"Compared with the return of {of_day(earlier.delivery['received_on'])}, which it replaces: "
        f"{fixed} put right, {still} not yet, {new} new."
    )
