"""Hold a pack, as built or as it came back, against its register and the facts; trace a cell to its source."""

import json
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from monthend import warehouse
from monthend.errors import NeedsPerson, WrongCall
from monthend.freeze import candidate as candidates
from monthend.freeze import chain, facts
from monthend.office import Office
from monthend.plan.calendar import add_months, months_between
from monthend.publish import packs
from monthend.publish.material import MONTHS, rounded
from monthend.publish.workbook import ReadBack, content_sha256, read_back, same

LARGEST_UNPACKED = 16 * 2**20  # a pack is a fraction of it; reading takes fifty times as much memory


def verify_file(office: Office, path: Path) -> list[str]:
    """What a workbook shows that its register does not, to the cell; nothing when all holds.

    The file may have been renamed, re-saved by another program, sorted, or had sheets renamed. Raises WrongCall when
    there is no such file.
    """
    found = _read(path)
    build = _build(office, path, found)
    if build is None:
        return [_no_pack(office, path)]
    problems = []
    if found.pack_id_property and found.pack_id_cover and found.pack_id_property != found.pack_id_cover:
        problems.append(f"{path}: its cover and its properties name different packs.")
    entries = _entries(office, build["build_id"])
    tables = [entry for entry in entries if entry["table_name"]]
    for entry in tables:
        key = (entry["table_name"], entry["row_label"], entry["column_number"])
        expected = _value(entry["shown"])
        verdict, places = found.verdict(key, expected)
        what = f"{entry['row_label']}, {entry['column_heading']}"
        if verdict == "missing":
            problems.append(f"{path}: {entry['sheet']}!{entry['cell']} ({what}) is missing; it was {expected!s}.")
        elif verdict != "ok":
            differs = next(place for place in places if not same(expected, place.value))
            problems.append(f"{path}: {differs.cell} ({what}) shows {differs.value!s}; it was {expected!s}.")
    return problems + [f"{path}: {line}" for line in _changed(found, entries)]


def _changed(found: ReadBack, entries: list[dict[str, Any]]) -> list[str]:
    """Headings and texts that were changed, and rows that were added; a reader's remarks beside them do not count."""
    headings = {(e["table_name"], e["column_number"]): e["column_heading"] for e in entries if e["table_name"]}
    lines = [
        f"{cell.cell} heads a column as {cell.value!s}; it was {headings[key]}."
        for key, cell in found.headings.items()
        if key in headings and cell.value is not None and _words(cell.value) != _words(headings[key])
    ]
    known = {(e["table_name"], e["row_label"]) for e in entries}
    registered = {table for table, _ in known if table}
    rows: dict[tuple[str, str], str] = {}
    for (table, label, _), cell in found.values().items():
        if table in registered and (table, label) not in known and cell.value is not None:
            rows.setdefault((table, label), cell.cell)
    lines += [f"{cell} stands in a row ({label}) that was not in the pack." for (_, label), cell in rows.items()]
    said = {_words(cell.value) for cell in found.texts}
    by_sheet: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if not entry["table_name"]:
            by_sheet.setdefault(entry["sheet"], []).append(entry)
    there = found.values()
    keys: dict[str, list[bool]] = {}
    for e in entries:
        if e["table_name"]:
            keys.setdefault(e["sheet"], []).append((e["table_name"], e["row_label"], e["column_number"]) in there)
    for sheet, texts in by_sheet.items():
        if any(keys.get(sheet, [True])):  # else the sheet was removed, and each cell of its table is named already
            gone = [entry for entry in texts if _words(_value(entry["shown"])) not in said]
            lines += [f"{e['sheet']}!{e['cell']} says no longer: {_value(e['shown'])}" for e in gone]
    return lines


def _words(text: object) -> str:
    """A text by its words, however a program broke its lines."""
    return " ".join(str(text).replace("_x005F_", "_").split())


def verify_packs(office: Office, month: str | None = None) -> list[str]:
    """Hold the packs of a month, or of every month, against their digests, and their facts against the snapshot."""
    problems = []
    for snapshot in chain.snapshots(office):
        if month not in (None, snapshot.month):
            continue
        with office.engine.connect() as connection:
            known = facts.read(connection, snapshot.candidate_id)
        for build in packs.builds(office, snapshot.month, snapshot.revision):
            if not build.path.is_file():
                problems.append(f"{build.path}: the pack is gone; publish the month again.")
            elif not packs.as_built(build):
                problems += _differences(office, build.path)
            problems += [
                f"{build.path}: {entry['sheet']}!{entry['cell']} shows {entry['shown']}; the frozen fact differs."
                for entry in _entries(office, build.build_id)
                if entry["kind"] == "fact" and not _agrees(entry, known)
            ]
    return problems


def trace(office: Office, path: Path, place: str) -> dict[str, Any]:
    """What stands behind a cell (`'Sheet'!C7`): the fact, its measure, its deliveries and their checks.

    Raises WrongCall when the place cannot be read or holds nothing that is registered; NeedsPerson when the file is no
    pack of this warehouse.
    """
    match = re.fullmatch(r"'?(?P<sheet>[^'!]+)'?!\$?(?P<column>[A-Za-z]{1,3})\$?(?P<row>\d+)", place.strip())
    if match is None:
        raise WrongCall(f"{place}: is no cell, such as 'summary'!C12.")
    where = f"{match['sheet']}!{match['column'].upper()}{match['row']}"
    found = _read(path)
    build = _build(office, path, found)
    if build is None:
        raise NeedsPerson(_no_pack(office, path))
    key = next((key for key, value in found.values().items() if value.cell == where), None)
    entries = {(e["table_name"], e["row_label"], e["column_number"]): e for e in _entries(office, build["build_id"])}
    if key is None or key not in entries:
        raise WrongCall(f"{place}: no registered cell of a table stands there.")
    entry = entries[key]
    reference = json.loads(entry["reference"])
    traced = {
        "cell": where,
        "shows": found.values()[key].value,
        "registered": _value(entry["shown"]),
        "row": entry["row_label"],
        "column": entry["column_heading"],
        "kind": entry["kind"],
        "reference": reference,
    }
    if "measure" in reference:
        traced |= _sources(office, build["candidate_id"], reference, entry["kind"])
    return traced


def _no_pack(office: Office, path: Path) -> str:
    return (
        f"{path}: is no pack of the installation in {office.home} (drafts are not registered). Is it another's? "
        "Then say --home or --database."
    )


def _read(path: Path) -> ReadBack:
    if not path.is_file():
        raise WrongCall(f"{path}: there is no such file.")
    try:
        with zipfile.ZipFile(path) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > LARGEST_UNPACKED:
            raise WrongCall(f"{path} is no pack: it would unpack to {unpacked // 2**20:,} MB.")
        return read_back(path)
    except WrongCall:
        raise
    except Exception:  # a damaged file fails in as many ways as zip and XML have
        raise WrongCall(f"{path} cannot be read as an Excel workbook.") from None


def _differences(office: Office, path: Path) -> list[str]:
    """What is wrong with a file that is not as it was built."""
    try:
        return verify_file(office, path) or [f"{path}: its contents are not those that were built."]
    except WrongCall as error:
        return [str(error)]


def _build(office: Office, path: Path, found: ReadBack) -> dict[str, Any] | None:
    """The build a file claims to be: of its pack id the one with its contents, else the released, else the newest."""
    with office.engine.connect() as connection:
        rows = warehouse.query(
            connection,
            "SELECT b.build_id, s.candidate_id FROM pack.build b JOIN snapshot.snapshot s USING (position)"
            " LEFT JOIN pack.release r USING (build_id) WHERE b.pack_id = ANY(:ids)"
            " ORDER BY b.content_sha256 = :contents DESC, r.build_id IS NULL, b.build_id DESC LIMIT 1",
            contents=content_sha256(path),
            ids=[found.pack_id_property or "", found.pack_id_cover or ""],
        )
    return rows[0] if rows else None


def _entries(office: Office, build_id: int) -> list[dict[str, Any]]:
    with office.engine.connect() as connection:
        return warehouse.query(
            connection,
            "SELECT * FROM pack.entry WHERE build_id = :build ORDER BY sheet, table_name, row_label, column_number",
            build=build_id,
        )


def _value(shown: str) -> Any:
    """A value as it was registered."""
    return json.loads(shown, parse_float=Decimal)


def _agrees(entry: dict[str, Any], known: facts.Facts) -> bool:
    """Whether a registered fact is the snapshot's, rounded as registered."""
    reference = json.loads(entry["reference"])
    fact = known.get(facts.Key(*(reference[name] for name in facts.Key._fields)))
    if fact is None:
        return False
    number = getattr(fact, reference["part"])
    shown = _value(entry["shown"])
    if number is None or not isinstance(shown, int | Decimal):
        return shown == "[x]" if number is None else shown is None
    return Decimal(shown) == rounded(number, reference["decimals"])


def _sources(office: Office, candidate_id: int, reference: dict[str, Any], kind: str) -> dict[str, Any]:
    """The fact with its numbers, the measure as declared, and the deliveries it was counted from, with their checks."""
    key = re.sub("_(rate|share)$", "", reference["measure"])
    measure = office.declarations.measures.get(key)
    found: dict[str, Any] = {}
    if measure is not None:
        found["measure"] = {"title": measure.title, "description": measure.description.strip(), "feed": measure.feed}
    with office.engine.connect() as connection:
        if kind == "fact":
            fact = facts.read(connection, candidate_id)[facts.Key(*(reference[name] for name in facts.Key._fields))]
            found["fact"] = {name: _plain(value) for name, value in fact._asdict().items()}
        if measure is None or "period" not in reference:
            return found
        areas = reference.get("areas") or [reference.get("area", reference.get("area_code"))]
        sources = facts.areas(office.declarations, office.declarations.feeds[measure.feed])
        found["deliveries"] = warehouse.query(
            connection,
            "SELECT d.feed, d.period, d.area_code, d.sha256, v.verdict, v.row_count, v.quarantined_count,"
            " (SELECT r.origin FROM landing.receipt r WHERE r.delivery_id = d.delivery_id"
            "  ORDER BY r.receipt_id LIMIT 1) AS file,"
            " (SELECT coalesce(json_agg(c.check_id ORDER BY c.check_id, c.part), '[]') FROM quality.check_result c"
            "  WHERE c.validation_id = v.validation_id AND c.outcome = 'failed') AS failed_checks"
            " FROM snapshot.candidate c CROSS JOIN unnest(CAST(:feeds AS text[])) AS wanted(feed)"
            " CROSS JOIN LATERAL reporting.current_delivery(wanted.feed, c.load_number) current"
            " JOIN landing.delivery d USING (delivery_id) JOIN reporting.load l USING (delivery_id)"
            " JOIN quality.validation v USING (validation_id)"
            " WHERE c.candidate_id = :candidate"
            " AND (d.period = '' OR d.period = ANY(:periods) AND d.area_code = ANY(:areas))"
            " ORDER BY d.feed, d.period, d.area_code",
            feeds=[measure.feed, *(["residents"] if reference["measure"] != measure.measure else [])],
            candidate=candidate_id,
            periods=_periods(reference),
            areas=[sources.get(area, area) for area in areas],
        )
    return found


def _periods(reference: dict[str, Any]) -> list[str]:
    """The months that a number is made of: those of its basis, of a limit those of the baseline."""
    basis, period = reference.get("basis", "month"), reference["period"]
    if "baseline" in reference:
        return months_between(*reference["baseline"])
    if basis == "fytd":
        return months_between(add_months(period, -((int(period[5:]) - 4) % 12)), period)
    return months_between(add_months(period, 1 - MONTHS.get(basis, 1)), period)


def _plain(value: Any) -> Any:
    return facts.plain(value) if isinstance(value, Decimal) else value


def in_words(traced: dict[str, Any]) -> list[str]:
    """A trace as lines."""
    lines = [
        f"{traced['cell']} shows {traced['shows']} ({traced['row']}, {traced['column']})",
        f"{traced['kind']}: {candidates.canonical(traced['reference'])}",
    ]
    if traced["shows"] != traced["registered"]:
        lines.append(f"registered as {traced['registered']}")
    if fact := traced.get("fact"):
        lines.append("fact: " + ", ".join(f"{name} {value}" for name, value in fact.items() if value not in (None, "")))
    if measure := traced.get("measure"):
        lines.append(f"measure: {measure['title']} (feed {measure['feed']}). {measure['description']}")
    for delivery in traced.get("deliveries", []):
        failed = ", ".join(delivery["failed_checks"]) or "none"
        what = " ".join(delivery[name] for name in ("feed", "period", "area_code") if delivery[name])
        lines.append(
            f"delivery: {what}, {delivery['file']}, sha256 {delivery['sha256']}, {delivery['row_count']:,} rows, "
            f"{delivery['quarantined_count']:,} quarantined, failed checks: {failed}"
        )
    return lines
