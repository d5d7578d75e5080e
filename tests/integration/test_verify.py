"""Verify finds what an owner of the database, or of the disk, changed behind the chain's back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from offices import Desk, NewDesk, Street

from monthend.errors import NeedsPerson
from monthend.freeze.verify import verify
from monthend.office import Office
from monthend.plan.declarations import Declarations
from monthend.receive import stored_path

MONTH, HOME_FORCE = "2025-01", "E23000021"
STREET = f"police_uk_street {MONTH} {HOME_FORCE}"
ROWS = "reporting.police_uk_street"
SEAL = "the seal does not follow from the seal before it, the digest, the snapshot's record and the sign-off."


@pytest.fixture(scope="module")
def chained(new_desk: NewDesk, street: Street, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """January in three revisions. Only for copying."""
    desk = new_desk()
    inbox = street.inbox(tmp_path_factory.mktemp("inbox"), [MONTH], ["leicestershire", "sussex"])
    desk.take_in(inbox)
    for reason in (None, "first", "second"):
        desk.freeze(MONTH, reason)
    return desk


@pytest.fixture
def desk(chained: Desk, new_desk: NewDesk) -> Iterator[Desk]:
    """A copy to damage, where all holds."""
    made = new_desk(chained)
    assert verify(made.office) == []
    yield made
    made.office.engine.dispose()


@pytest.fixture
def rows(desk: Desk) -> int:
    return int(desk.rows(f"SELECT count(*) FROM {ROWS} r JOIN landing.delivery d USING (delivery_id)"
                         " WHERE d.area_code = %s", HOME_FORCE)[0][0])  # fmt: skip


FACTS = 17 * 15 * 2 * 3  # areas, measures with their rates; month, r12, fytd
DELIVERY = f"(SELECT delivery_id FROM landing.delivery WHERE area_code = '{HOME_FORCE}')"
ONE_ROW = f"WHERE row_number = 7 AND delivery_id = {DELIVERY}"
ONE_FACT = f"WHERE (basis, area_code, period, measure) = ('month', '{HOME_FORCE}', '{MONTH}', %s)"


def each_revision(sentence: str) -> list[str]:
    """The sentence about each of the three revisions, which have their facts from the first."""
    return [f"{MONTH} revision {revision}: {sentence}" for revision in (1, 2, 3)]


def test_a_changed_row(desk: Desk, rows: int) -> None:
    desk.behind_its_back(f"UPDATE {ROWS} SET lsoa_code = 'E01025617' {ONE_ROW}")
    assert verify(desk.office) == [f"{STREET}: at least one of its {rows:,} rows is not what was loaded."]


def test_a_removed_row(desk: Desk, rows: int) -> None:
    desk.behind_its_back(f"DELETE FROM {ROWS} {ONE_ROW}")
    assert verify(desk.office) == [f"{STREET}: {rows - 1:,} rows stand in the warehouse where {rows:,} were loaded."]


def test_an_added_row(desk: Desk, rows: int) -> None:
    desk.behind_its_back(
        f"INSERT INTO {ROWS} (delivery_id, row_number, month, falls_within, crime_type)"
        f" SELECT delivery_id, 1000000, month, falls_within, crime_type FROM {ROWS} {ONE_ROW}"
    )
    assert verify(desk.office) == [f"{STREET}: {rows + 1:,} rows stand in the warehouse where {rows:,} were loaded."]


def test_two_rows_that_changed_places(desk: Desk, rows: int) -> None:
    desk.behind_its_back(
        f"UPDATE {ROWS} r SET crime_id = o.crime_id FROM {ROWS} o WHERE o.delivery_id = r.delivery_id"
        " AND (r.row_number, o.row_number) IN ((1, 2), (2, 1)) AND r.delivery_id ="
        f" {DELIVERY}"
    )
    changed = desk.rows(f"SELECT count(DISTINCT crime_id) FROM {ROWS} WHERE row_number < 3")
    assert changed != [(1,)]
    assert verify(desk.office) == [f"{STREET}: at least one of its {rows:,} rows is not what was loaded."]


def test_a_changed_count(desk: Desk) -> None:
    desk.behind_its_back(
        f"UPDATE snapshot.fact SET value = value + 1, numerator = numerator + 1 {ONE_FACT}", "open_drugs"
    )
    assert verify(desk.office) == each_revision(f"at least one of its {FACTS:,} facts is not what was frozen.")


def test_a_changed_rate(desk: Desk) -> None:
    desk.behind_its_back(f"UPDATE snapshot.fact SET value = value + 1e-10 {ONE_FACT}", "open_drugs_rate")
    assert verify(desk.office) == each_revision(f"at least one of its {FACTS:,} facts is not what was frozen.")


def test_a_changed_mark(desk: Desk) -> None:
    desk.behind_its_back(f"UPDATE snapshot.fact SET mark = 'e' {ONE_FACT}", "open_drugs")
    assert verify(desk.office) == each_revision(f"at least one of its {FACTS:,} facts is not what was frozen.")


def test_a_removed_fact(desk: Desk) -> None:
    desk.behind_its_back(f"DELETE FROM snapshot.fact {ONE_FACT}", "open_drugs")
    assert verify(desk.office) == each_revision(f"{FACTS - 1:,} facts stand where {FACTS:,} were frozen.")


def test_a_fact_slipped_into_a_later_revision(desk: Desk) -> None:
    desk.behind_its_back(
        "INSERT INTO snapshot.fact (candidate_id, measure, basis, area_code, period, value, numerator)"
        " SELECT (SELECT max(candidate_id) FROM snapshot.candidate), measure, basis, area_code, period, 0, 0"
        f" FROM snapshot.fact {ONE_FACT}",
        "open_drugs",
    )
    assert verify(desk.office) == [f"{MONTH} revision 3: at least one of its {FACTS:,} facts is not what was frozen."]


def test_an_edited_manifest(desk: Desk) -> None:
    desk.behind_its_back(
        "UPDATE snapshot.candidate SET manifest = jsonb_set(manifest, '{waivers}', '[\"G08\"]') WHERE revision = 2"
    )
    assert verify(desk.office) == [f"{MONTH} revision 2: the manifest does not give the digest that was frozen."]


def test_a_digest_changed_to_fit_an_edited_manifest(desk: Desk) -> None:
    desk.behind_its_back("UPDATE snapshot.snapshot SET digest = reverse(digest) WHERE revision = 2")
    desk.behind_its_back("UPDATE snapshot.candidate SET digest = reverse(digest) WHERE revision = 2")
    assert verify(desk.office)[-1] == f"{MONTH} revision 2: {SEAL}"


def test_a_removed_snapshot_in_the_middle(desk: Desk) -> None:
    desk.behind_its_back("DELETE FROM snapshot.snapshot WHERE revision = 2")
    assert verify(desk.office) == [
        f"The chain is cut before {MONTH} revision 3: the snapshot before it is not the one it was sealed to.",
        f"{MONTH} revision 3: its candidate was proposed against another snapshot than the one before it.",
    ]


def test_a_removed_head(desk: Desk) -> None:
    desk.behind_its_back("DELETE FROM snapshot.snapshot WHERE revision = 3")
    assert verify(desk.office) == [
        f"{MONTH} revision 3: it is signed off and not in the chain. Run it again; if it was frozen before, the end "
        "of the chain was removed."
    ]


@pytest.mark.parametrize(
    "change",
    [
        "signed_by = 'b.releaser'",
        "display_name = 'B. Releaser'",
        "reason = 'because'",
        "signed_on = signed_on - 1",
        "signed_at = signed_at - interval '1 microsecond'",
        "login_user = 'somebody else'",
        "missing = '[]'",
    ],
)
def test_an_altered_sign_off(desk: Desk, change: str) -> None:
    desk.behind_its_back(
        f"UPDATE snapshot.sign_off s SET {change} FROM snapshot.snapshot f"
        " WHERE f.sign_off_id = s.sign_off_id AND f.revision = 2"
    )
    assert verify(desk.office) == [f"{MONTH} revision 2: {SEAL}"]


@pytest.mark.parametrize(
    ("table", "change", "sentences"),
    [
        ("snapshot", "frozen_on = frozen_on - 1", [SEAL]),
        ("candidate", "load_number = load_number + 1", [SEAL]),
        ("candidate", "readiness = jsonb_set(readiness, '{missing}', '[]')", [SEAL]),
        ("candidate", "readiness = jsonb_set(readiness, '{quarantined_rows}', '9')", [SEAL]),
        ("candidate", "readiness = '{}'", [SEAL]),
        ("candidate", "reason = 'because'", [SEAL]),
        ("candidate", "revision = 7", [f"its candidate was proposed as {MONTH} revision 7."]),
        ("candidate", "month = '2024-12'", ["its candidate was proposed as 2024-12 revision 2."]),
    ],
)
def test_an_altered_record(desk: Desk, table: str, change: str, sentences: list[str]) -> None:
    desk.behind_its_back(f"UPDATE snapshot.{table} SET {change} WHERE revision = 2")
    assert verify(desk.office) == [f"{MONTH} revision 2: {sentence}" for sentence in sentences]


def test_a_snapshot_given_another_revision_with_its_candidate(desk: Desk) -> None:
    for table in ("snapshot", "candidate"):
        desk.behind_its_back(f"UPDATE snapshot.{table} SET revision = 7 WHERE revision = 2")
    assert verify(desk.office) == [f"{MONTH} revision 7: {sentence}" for sentence in (SEAL,)]


def without_context(path: Path) -> None:
    """Drop a column of the street files."""
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("  - {heading: Context, column: context}\n", ""), encoding="utf-8")


def crime_id_last(path: Path) -> None:
    """Move a column of the street files."""
    source, line = path.read_text(encoding="utf-8"), "  - {heading: Crime ID, column: crime_id}\n"
    path.write_text(source.replace(line, "").replace("\nkey:", f"\n{line}key:", 1), encoding="utf-8")


@pytest.mark.parametrize("change", [without_context, crime_id_last])
def test_a_feed_whose_columns_changed_holds_as_it_was_and_as_it_is(
    desk: Desk, declarations: Path, change: Callable[[Path], None]
) -> None:
    change(declarations / "include/feeds/police_uk_street.yaml")
    changed = replace(desk, office=Office(desk.office.home, desk.office.engine, Declarations(declarations)))
    assert verify(changed.office) == []
    for reason in ("the columns changed", "again"):
        changed.freeze(MONTH, reason)
        assert verify(changed.office) == []
    assert desk.rows("SELECT count(DISTINCT manifest->'columns') FROM snapshot.candidate") == [(2,)]
    desk.behind_its_back(f"UPDATE {ROWS} SET lsoa_code = 'E01025617' {ONE_ROW}")
    [sentence] = verify(changed.office)
    assert sentence.endswith("rows is not what was loaded.")


def test_a_feed_that_is_no_longer_declared(desk: Desk, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(desk.office.declarations.feeds, "police_uk_street")
    assert verify(desk.office) == []
    desk.behind_its_back(f"UPDATE {ROWS} SET lsoa_code = 'E01025617' {ONE_ROW}")
    assert verify(desk.office) == [f"{STREET}: at least one of its {rows:,} rows is not what was loaded."]


def test_a_load_without_its_record(desk: Desk) -> None:
    desk.behind_its_back(f"DELETE FROM reporting.load WHERE delivery_id = {DELIVERY}")
    assert verify(desk.office) == [f"{STREET}: the record of its load is gone."]


@pytest.fixture
def stored(desk: Desk) -> Path:
    """Where the bytes of Leicestershire's extract are."""
    [(sha256,)] = desk.rows("SELECT sha256 FROM landing.delivery WHERE area_code = %s", HOME_FORCE)
    return stored_path(desk.office, sha256)


def test_changed_bytes_in_the_landing_store(desk: Desk, stored: Path) -> None:
    content = stored.read_bytes()
    stored.unlink()
    stored.write_bytes(content.replace(b"Robbery", b"Robbers", 1))
    assert verify(desk.office) == [
        f"{STREET}: the bytes in the landing store are not those that were received ({stored})."
    ]


def test_lost_bytes_from_the_landing_store(desk: Desk, stored: Path) -> None:
    stored.unlink()
    assert verify(desk.office) == [
        f"{STREET}: the bytes that were received are gone from the landing store ({stored})."
    ]


def test_the_command_line_says_what_differs(desk: Desk) -> None:
    desk.behind_its_back(f"DELETE FROM snapshot.fact {ONE_FACT}", "open_drugs")
    done = desk.monthend("verify", "--month", MONTH)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == each_revision(f"{FACTS - 1:,} facts stand where {FACTS:,} were frozen.")
    done = desk.ask("verify", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "holds": False,
        "differs": each_revision(f"{FACTS - 1:,} facts stand where {FACTS:,} were frozen."),
    }


def test_a_month_that_is_not_frozen_cannot_be_verified(desk: Desk) -> None:
    with pytest.raises(NeedsPerson, match=r"^2025-02 is not frozen\.$"):
        verify(desk.office, "2025-02")
