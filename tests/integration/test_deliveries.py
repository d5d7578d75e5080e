"""What arrives again, in two versions, or while it is still being written."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from offices import ON, Desk, Rows, Street

from monthend import receive as station
from monthend.errors import WrongCall
from monthend.receive import Pull, outstanding, receive, stored_path

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


@pytest.fixture
def versions(street: Street, tmp_path: Path) -> list[Path]:
    """Kent's January in three versions, each a row shorter; in path order 1, 2, 3."""
    return [street.changed(tmp_path / "inbox" / str(number), MONTH, "kent", rows_less(number)) for number in (1, 2, 3)]


def test_of_two_versions_in_an_inbox_the_last_in_path_order_holds(desk: Desk, versions: list[Path]) -> None:
    rows = sum(1 for _ in versions[2].open(encoding="utf-8")) - 1
    ids = desk.take_in(versions[0].parents[1])
    assert len(ids) == 3
    assert current(desk) == [("3", rows)]
    assert desk.rows("SELECT origin FROM landing.receipt WHERE delivery_id > 3 ORDER BY receipt_id") == [
        (str(path),) for path in versions
    ]
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
    assert desk.rows("SELECT count(*) FROM reporting.load WHERE load_number > 3") == [(2,)]
    assert desk.rows("SELECT origin FROM landing.receipt WHERE delivery_id > 3 ORDER BY receipt_id") == [
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
        desk.rows("SELECT sha256 FROM landing.delivery WHERE delivery_id > 3 ORDER BY delivery_id"),
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
    assert len(received.delivery_ids) == 3
    assert desk.rows("SELECT count(*) FROM landing.receipt") == [(3,)]
    assert sorted(entry.name for entry in desk.office.home.glob("landing/incoming-*")) == []
    path.write_bytes(content)
    assert len(receive(desk.office, [path], ON).delivery_ids) == 4


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
    assert (received.unrecognised, len(received.delivery_ids)) == ([], 3)
    assert desk.rows("SELECT origin, reason FROM landing.refusal") == [(str(path), reason)]
    assert len(list(desk.office.home.glob("landing/*/*"))) == 3


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
