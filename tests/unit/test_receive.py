"""Receive: what a file's name says, and what is due when."""

import os
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from monthend import receive
from monthend.errors import WrongCall
from monthend.office import Office
from monthend.plan.declarations import ROOT, Declarations
from monthend.receive import Recognised, Refused, due, recognise

DECLARED = Declarations(ROOT)
STREET = "police_uk_street"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("2025-01-leicestershire-street.csv", Recognised(STREET, "2025-01", "E23000021")),
        ("2013-05-kent-street.csv", Recognised(STREET, "2013-05", "E23000032")),
        ("areas.csv", Recognised("areas", "", "")),
        ("residents_2023.csv", Recognised("residents", "", "")),
        ("lsoa_exact_fit.csv", Recognised("lsoa_exact_fit", "", "")),
        ("2013-04-kent-street.csv", "the feed police_uk_street is not in force in 2013-04"),
        ("2025-01-thames-valley-street.csv", "the feed police_uk_street does not name the force thames-valley"),
        ("2025-01-btp-street.csv", "the feed police_uk_street does not name the force btp"),
        ("2025-01-kent-outcomes.csv", "the feed police_uk_outcomes is not in force in 2025-01"),
        ("2025-01-kent-stop-and-search.csv", "no feed recognises this name"),
        ("2017-06-leicestershire-crime.xlsx", Recognised("police_crime", "2017-06", "E23000021")),
        ("2017-05-msg-comparator.csv", Recognised("msg_comparator", "2017-05", "")),
        ("2025-01-kent-street.csv.bak", "no feed recognises this name"),
        ("copy of 2025-01-kent-street.csv", "no feed recognises this name"),
        ("2025-1-kent-street.csv", "no feed recognises this name"),
        ("2025-13-kent-street.csv", "2025-13 is no month"),
        ("notes.txt", "no feed recognises this name"),
        ("", "no feed recognises this name"),
    ],
)
def test_a_name_says_feed_period_and_area_or_why_not(name: str, what: Recognised | str) -> None:
    assert recognise(DECLARED, name) == what


def test_due_is_the_month_less_the_lag_for_every_area() -> None:
    assert due(DECLARED, "2025-03") == [
        Recognised(STREET, "2025-01", area.code) for area in DECLARED.feeds[STREET].areas
    ]
    street = [each.period for each in due(DECLARED, "2013-07") if each.feed == STREET]
    assert street == ["2013-05"] * 8
    assert STREET not in {each.feed for each in due(DECLARED, "2013-06")}  # before the feed was in force
    assert [each for each in due(DECLARED, "2016-04") if each.feed == "msg_comparator"] == [
        Recognised("msg_comparator", "2016-03", "")  # one file of all forces
    ]
    assert due(DECLARED, "2026-01")[0].period == "2025-11"


def test_an_inbox_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    office = Office(tmp_path, create_engine("postgresql+psycopg://"), DECLARED)
    with pytest.raises(WrongCall, match=r"/nowhere: there is no such file or folder\.$"):
        receive.outstanding(office, [tmp_path, tmp_path / "nowhere"], "2025-03", "police")


def test_files_come_in_path_order_and_hidden_ones_do_not(tmp_path: Path) -> None:
    for name in ("b/2.csv", "a/9.csv", "b/10.csv", "a.csv", ".hidden.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.symlink(tmp_path / "a.csv", tmp_path / "c.csv")
    assert [str(path.relative_to(tmp_path)) for path in receive._paths(tmp_path)] == [
        "a/9.csv", "a.csv", "b/10.csv", "b/2.csv", "c.csv",
    ]  # fmt: skip
    assert list(receive._paths(tmp_path / "a.csv")) == [tmp_path / "a.csv"]


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("../kent.csv", "the zip holds a member that climbs out of its folder"),
        ("folder/../../kent.csv", "the zip holds a member that climbs out of its folder"),
        ("..\\kent.csv", "the zip holds a member that climbs out of its folder"),
        ("/etc/kent.csv", "the zip holds a member that climbs out of its folder"),
        ("C:/kent.csv", "the zip holds a member that climbs out of its folder"),
    ],
)
def test_a_member_that_climbs_out_is_refused(tmp_path: Path, member: str, reason: str) -> None:
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2025-01-kent-street.csv", "good")
        archive.writestr(member, "bad")
    with pytest.raises(Refused) as refusal:
        receive._taken(tmp_path, path, lambda name, origin: recognise(DECLARED, name))  # type: ignore[arg-type,return-value]
    assert str(refusal.value) == reason


def test_a_zip_of_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2025-01-kent-street.csv", bytes(2**22))
    with pytest.raises(Refused, match=r"^the zip holds a member that unpacks to more than 300 times its size$"):
        receive._taken(tmp_path, path, lambda name, origin: None)


def test_a_zip_of_more_than_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "LARGEST_TOTAL", 2**30)
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("2025-01-kent-street.csv", "good")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24  # the size, as the directory says it
    content[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"^the zip would unpack to more than 1 GiB$"):
        receive._taken(tmp_path, path, lambda name, origin: None)
