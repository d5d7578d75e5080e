"""The same data and declarations give the same digest and the same facts, anywhere and in whatever portions."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

from offices import ON, STEWARD, Desk, NewDesk, Rows, Street, monthend

from monthend.freeze.query import frozen_facts
from monthend.office import Office
from monthend.plan.declarations import Declarations

FORCES = ["kent", "leicestershire"]


def test_two_homes_with_the_same_extracts_print_the_same_facts_under_the_same_digest(
    desk: Desk, home: Path, street: Street, tmp_path: Path
) -> None:
    """One gets files in a folder and has a server of its own, the other a zip."""
    folder = street.inbox(tmp_path / "folder", ["2025-01"], FORCES)
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        for path in sorted(folder.iterdir(), reverse=True):
            archive.write(path, f"2025-01/{path.name}")
    run = ("run", "--month", "2025-01", "--signed-off-by", STEWARD, "--on", ON, "--json")
    one = monthend(*run, "--inbox", folder, "--home", home, folder=tmp_path)
    other = desk.run("2025-01", tmp_path / "download.zip", by="A. Steward")
    assert json.loads(one.stdout)["digest"] == other.snapshot.digest
    assert json.loads(one.stdout)["seal"] != other.snapshot.seal  # the time of the sign-off is in it
    printed = monthend("facts", "--month", "2025-01", "--home", home, folder=tmp_path)
    assert printed.stdout == desk.ask("facts", "--month", "2025-01").stdout
    assert printed.stdout.count("\n") == 1 + 17 * 15 * 2 * 3  # areas, measures, their rates; month, r12, fytd


def test_extracts_that_come_month_by_month_end_in_the_digest_of_those_that_come_at_once(
    new_desk: NewDesk, street: Street, tmp_path: Path
) -> None:
    def corrected(rows: Rows) -> None:
        rows.pop()

    street.inbox(tmp_path / "1", ["2025-01"], FORCES)
    street.inbox(tmp_path / "2", ["2025-02"], FORCES)
    street.inbox(tmp_path / "3", ["2025-03"], FORCES)
    street.changed(tmp_path / "3", "2025-01", "kent", corrected)
    monthly, at_once = new_desk(), new_desk()
    for number, month in enumerate(("2025-01", "2025-02", "2025-03"), start=1):
        monthly.take_in(tmp_path / str(number))
        last = monthly.freeze(month)
    superseded = street.file("2025-01", "kent").name  # in the other office it came first, and another one after
    (tmp_path / "1" / superseded).unlink()
    at_once.take_in(tmp_path / "3", tmp_path / "2", tmp_path / "1")
    together = at_once.freeze("2025-03")
    assert (last.position, together.position) == (3, 1)
    assert last.digest == together.digest
    assert last.seal != together.seal
    assert [(row["value"], row["measure"], row["period"]) for row in frozen_facts(monthly.office, "2025-03")] == [
        (row["value"], row["measure"], row["period"]) for row in frozen_facts(at_once.office, "2025-03")
    ]
    assert sum("r" in row["mark"].split() for row in frozen_facts(monthly.office, "2025-03")) > 0
    assert sum("r" in row["mark"].split() for row in frozen_facts(at_once.office, "2025-03")) == 0


def test_a_digest_names_the_rules_that_each_delivery_was_held_against(
    new_desk: NewDesk, street: Street, declarations: Path, tmp_path: Path
) -> None:
    """Both are proposed under the same declarations; one was validated under another suite."""
    inbox = street.inbox(tmp_path / "inbox", ["2025-01"], FORCES)
    suite = declarations / "expectations/police_uk_street.json"
    suite.write_text(suite.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    one, other = new_desk(), new_desk()
    one.take_in(inbox)
    replace(other, office=Office(other.office.home, other.office.engine, Declarations(declarations))).take_in(inbox)
    assert one.freeze("2025-01").digest != other.freeze("2025-01").digest
    rules = (
        "SELECT DISTINCT d->>'rules_sha256' FROM snapshot.candidate, jsonb_array_elements(manifest->'deliveries') d"
        " WHERE d->>'feed' = 'police_uk_street'"
    )
    assert len({*one.rows(rules), *other.rows(rules)}) == 2
    assert one.rows(rules) == one.rows("SELECT DISTINCT v.rules_sha256 FROM quality.validation v"
                                       " JOIN landing.delivery USING (delivery_id) WHERE period > ''")  # fmt: skip


def test_one_row_more_is_another_digest(new_desk: NewDesk, street: Street, tmp_path: Path) -> None:
    digests = set()
    for number in (0, 1):
        path = street.changed(tmp_path / str(number), "2025-01", "kent", lambda rows: rows.extend(rows[:1] * number))  # noqa: B023
        desk = new_desk()
        desk.take_in(path)
        digests.add(desk.freeze("2025-01").digest)
    assert len(digests) == 2
