"""What arrives again, in two versions, or while it is still being written."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from offices import ON, REFERENCE_FILES, Desk, Rows, Street
from psycopg.errors import QueryCanceled

from monthend import receive as station
from monthend.errors import NeedsPerson, WrongCall
from monthend.load import load
from monthend.office import Office
from monthend.plan.declarations import Declarations
from monthend.receive import Pull, outstanding, receive, stored_path
from monthend.validate.validation import latest_validations, validate

KENT, MONTH = "E23000032", "2025-01"


def rows_less(number: int) -> Callable[[Rows], None]:
    """Take the last rows away."""

    def change(rows: Rows) -> None:
        del rows[len(rows) - number :]

    return change


def current(desk: Desk) -> list[tuple[str, int]]:
    """Where Kent's current extract first came from, and its rows."""
    return desk.rows(
        "SELECT (SELECT regexp_replace(origin, '^.*/(.*)/.*$', '\\1') FROM landing.receipt r"
        "  WHERE r.delivery_id = c.delivery_id ORDER BY receipt_id LIMIT 1),"
        " (SELECT count(*)::int FROM reporting.police_uk_street s WHERE s.delivery_id = c.delivery_id)"
        " FROM reporting.current_delivery('police_uk_street', 1000) c"
    )


ROW = "Leicester secret street"


@pytest.mark.parametrize("function", ["_copy", "rows_sha256"])
def test_an_error_of_the_driver_is_told_without_its_words(
    desk: Desk, versions: list[Path], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def cancelled(self: object, *arguments: object) -> None:
        raise QueryCanceled(f"canceling statement\nCONTEXT: COPY police_uk_street, line 7: {ROW}")

    [delivery_id] = receive(desk.office, [versions[0]], ON).delivery_ids[-1:]
    validate(desk.office, [delivery_id], ON)
    method = {"_copy": "write", "rows_sha256": "__iter__"}[function]
    monkeypatch.setattr(psycopg.Copy, method, cancelled)
    with pytest.raises(NeedsPerson) as error:
        load(desk.office, [delivery_id])
    assert (
        str(error.value)
        == {
            "_copy": f"police_uk_street, delivery {delivery_id}: its rows could not be copied (QueryCanceled). "
            "Nothing of the delivery was loaded.",
            "rows_sha256": f"police_uk_street, delivery {delivery_id}: its rows could not be read (QueryCanceled).",
        }[function]
    )
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    assert desk.rows("SELECT count(*) FROM reporting.police_uk_street") == [(0,)]


def test_a_version_that_was_blocked_does_not_replace_the_correction_that_is_loaded(
    desk: Desk, street: Street, declarations: Path, tmp_path: Path
) -> None:
    def unknown_type(rows: Rows) -> None:
        for row in rows:
            row["Crime type"] = "Piracy"

    blocked = street.changed(tmp_path / "1", MONTH, "kent", unknown_type)
    corrected = street.changed(tmp_path / "2", MONTH, "kent", rows_less(1))
    [first, second] = desk.take_in(blocked, corrected)
    assert [validation.verdict == "blocked" for validation in latest_validations(desk.office, [first, second])] == [
        True,
        False,
    ]
    assert [name for name, _ in current(desk)] == ["2"]
    suite = declarations / "expectations/police_uk_street.json"
    loosened = json.loads(suite.read_text(encoding="utf-8"))
    loosened["expectations"] = [each for each in loosened["expectations"] if "value_set" not in each["kwargs"]]
    suite.write_text(json.dumps(loosened), encoding="utf-8")
    office = Office(desk.office.home, desk.office.engine, Declarations(declarations))
    assert [validation.verdict == "blocked" for validation in validate(office, [first, second], ON)] == [False, False]
    assert load(office, [first, second]) == [second]
    assert [name for name, _ in current(desk)] == ["2"]
    assert desk.rows("SELECT count(*) FROM reporting.police_uk_street WHERE delivery_id = %s", first) == [(0,)]


@pytest.fixture
def versions(street: Street, tmp_path: Path) -> list[Path]:
    """Kent's January in three versions, each a row shorter; in path order 1, 2, 3."""
    return [street.changed(tmp_path / "inbox" / str(number), MONTH, "kent", rows_less(number)) for number in (1, 2, 3)]


def test_of_two_versions_in_an_inbox_the_last_in_path_order_holds(desk: Desk, versions: list[Path]) -> None:
    rows = sum(1 for _ in versions[2].open(encoding="utf-8")) - 1
    ids = desk.take_in(versions[0].parents[1])
    assert len(ids) == 3
    assert current(desk) == [("3", rows)]
    assert desk.rows(
        "SELECT origin FROM landing.receipt WHERE delivery_id > %s ORDER BY receipt_id", REFERENCE_FILES
    ) == [(str(path),) for path in versions]
    assert desk.rows("SELECT detail FROM quality.check_result WHERE check_id = 'G12' AND outcome = 'failed'") == []


def test_bytes_that_came_before_never_become_current_again(desk: Desk, versions: list[Path], tmp_path: Path) -> None:
    first, second, _ = versions
    desk.take_in(first)
    desk.take_in(second)
    assert [name for name, _ in current(desk)] == ["2"]
    again = tmp_path / "again" / first.name
    again.parent.mkdir()
    shutil.copy(first, again)
    with zipfile.ZipFile(tmp_path / "again.zip", "w") as archive:
        archive.write(first, first.name)
    assert len(set(desk.take_in(again, tmp_path / "again.zip", first))) == 1
    assert [name for name, _ in current(desk)] == ["2"]
    assert desk.rows("SELECT count(*) FROM reporting.load WHERE load_number > %s", REFERENCE_FILES) == [(2,)]
    assert desk.rows(
        "SELECT origin FROM landing.receipt WHERE delivery_id > %s ORDER BY receipt_id", REFERENCE_FILES
    ) == [
        (str(first),),
        (str(second),),
        (str(again),),
        (f"{tmp_path / 'again.zip'}!{first.name}",),
    ]
    assert desk.rows(
        "SELECT outcome, detail FROM quality.check_result WHERE check_id = 'G12' AND outcome = 'failed'"
    ) == [("failed", f"It replaces a version of {sum(1 for _ in first.open(encoding='utf-8')) - 1:,} rows.")]


def test_the_bytes_are_kept_as_they_came(desk: Desk, versions: list[Path]) -> None:
    desk.take_in(*versions)
    for (sha256,), path in zip(
        desk.rows("SELECT sha256 FROM landing.delivery WHERE delivery_id > %s ORDER BY delivery_id", REFERENCE_FILES),
        versions,
        strict=True,
    ):
        kept = stored_path(desk.office, sha256)
        assert kept.read_bytes() == path.read_bytes()
        assert kept.stat().st_mode & 0o222 == 0
    assert list(desk.office.home.glob("landing/incoming-*")) == []


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_run(
    desk: Desk, versions: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    path = versions[0]
    if zipped:
        path = tmp_path / "download.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(versions[0], versions[0].name)
    content, store = path.read_bytes(), station._store

    def written_to_meanwhile(folder: Path, what: station.Recognised, origin: str, *rest: object) -> station.Stored:
        stored = store(folder, what, origin, *rest)  # type: ignore[arg-type]
        if origin.startswith(str(path)):
            path.write_bytes(content + b"more")
        return stored

    with monkeypatch.context() as patched:
        patched.setattr(station, "_store", written_to_meanwhile)
        received = receive(desk.office, [path], ON)
    reason = "changed while it was read; it is left for the next run"
    assert received.unrecognised == [(str(path), reason)]
    assert len(received.delivery_ids) == REFERENCE_FILES
    assert desk.rows("SELECT count(*) FROM landing.receipt") == [(REFERENCE_FILES,)]
    assert sorted(entry.name for entry in desk.office.home.glob("landing/incoming-*")) == []
    path.write_bytes(content)
    assert len(receive(desk.office, [path], ON).delivery_ids) == REFERENCE_FILES + 1


def test_a_zip_is_taken_as_a_whole_or_not_at_all(desk: Desk, street: Street, tmp_path: Path) -> None:
    """The second of two members is damaged: the first is not taken either."""
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for force in ("essex", "kent"):
            archive.write(street.file(MONTH, force), street.file(MONTH, force).name)
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 0xFF
    path.write_bytes(content)
    received = receive(desk.office, [path], ON)
    reason = "the zip cannot be read to its end (BadZipFile); ask for it again"
    assert received.refused == [(str(path), reason)]
    assert (received.unrecognised, len(received.delivery_ids)) == ([], REFERENCE_FILES)
    assert desk.rows("SELECT origin, reason FROM landing.refusal") == [(str(path), reason)]
    assert len(list(desk.office.home.glob("landing/*/*"))) == REFERENCE_FILES


def test_an_inbox_that_is_not_there_is_a_wrong_call(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(WrongCall, match=r"nowhere: there is no such file or folder\.$"):
        receive(desk.office, [tmp_path / "nowhere"], ON)


def test_a_period_stays_outstanding_until_it_is_in(desk: Desk, street: Street, tmp_path: Path) -> None:
    backlog = street.inbox(tmp_path, ["2024-01", "2024-02"], ["kent"])
    assert outstanding(desk.office, [backlog], "2025-03", "police") == [
        Pull("police_uk_street", ("2025-01",), "2025-01 police_uk_street"),
        Pull("police_uk_street", ("2024-01", "2024-02"), "2024-01 to 2024-02 police_uk_street"),
    ]
    desk.take_in(backlog)
    desk.freeze("2025-02")
    assert outstanding(desk.office, [backlog], "2025-03", "police") == [
        Pull("police_uk_street", ("2024-12",), "2024-12 police_uk_street"),
        Pull("police_uk_street", ("2025-01",), "2025-01 police_uk_street"),
    ]
    assert outstanding(desk.office, [backlog], "2025-03", "partner") == []
    forces = [area.slug for area in desk.office.declarations.feeds["police_uk_street"].areas]
    desk.take_in(street.inbox(tmp_path / "rest", ["2024-12", "2025-01"], forces))
    assert outstanding(desk.office, [tmp_path], "2025-03", "police") == []
