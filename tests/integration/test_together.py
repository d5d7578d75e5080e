"""Loads and proposals at the same time: a candidate holds exactly what was numbered before it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from offices import ON, REFERENCE_FILES, STEWARD, Desk, Street

from monthend import load, warehouse
from monthend.freeze import chain, facts
from monthend.freeze.candidate import propose
from monthend.receive import receive
from monthend.validate.validation import validate

FORCES = ["essex", "kent", "leicestershire", "sussex"]


class Gate:
    """A place where a thread waits until it is let through."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def before(self, function: Callable[..., Any], when: Callable[..., bool]) -> Callable[..., Any]:
        """Make the calls of a function that `when` is true for wait at the gate."""

        def waiting(*arguments: Any, **options: Any) -> Any:
            if when(*arguments):
                self.reached.set()
                assert self.opened.wait(30)
            return function(*arguments, **options)

        return waiting


@pytest.fixture
def deliveries(desk: Desk, street: Street, tmp_path: Path) -> list[int]:
    """January of four forces, validated and not loaded. In the order of FORCES."""
    received = receive(desk.office, [street.inbox(tmp_path, ["2025-01"], FORCES)], ON)
    validate(desk.office, received.delivery_ids, ON)
    return received.delivery_ids[-4:]


def held(desk: Desk, candidate_id: int) -> list[str]:
    """The forces of which a candidate has a figure."""
    return [
        force
        for (force,) in desk.rows(
            "SELECT d.name FROM snapshot.fact_at(%s) f JOIN (VALUES ('E23000028', 'essex'), ('E23000032', 'kent'),"
            " ('E23000021', 'leicestershire'), ('E23000033', 'sussex')) d (code, name) ON d.code = f.area_code"
            " WHERE f.measure = 'open_burglary' AND f.basis = 'month' AND f.value IS NOT NULL ORDER BY d.name",
            candidate_id,
        )
    ]


def freeze(desk: Desk, candidate_id: int, shown: str) -> None:
    chain.sign_off(desk.office, candidate_id, "freeze", STEWARD, shown, "command line", ON)
    chain.freeze(desk.office, candidate_id, ON)


def test_a_load_that_is_copying_when_the_number_is_fixed_is_not_in_the_candidate(
    desk: Desk, deliveries: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    essex, kent, *_ = deliveries
    load.load(desk.office, [essex])
    gate = Gate()
    monkeypatch.setattr(load, "rows_sha256", gate.before(load.rows_sha256, lambda *arguments: True))
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load.load, desk.office, [kent])
        assert gate.reached.wait(30)  # its rows are in, its number is not
        candidate = propose(desk.office, "2025-01", ON)
        gate.opened.set()
        assert loading.result(30) == [kent]
    assert held(desk, candidate.candidate_id) == ["essex"]
    freeze(desk, candidate.candidate_id, candidate.shown_sha256)
    assert held(desk, candidate.candidate_id) == ["essex"]
    assert desk.rows("SELECT load_number FROM reporting.load WHERE delivery_id = %s", kent) == [
        (candidate.load_number + 1,)
    ]
    with desk.office.engine.connect() as connection:
        assert facts.compute(connection, desk.office.declarations, "2025-01", candidate.load_number) == facts.read(
            connection, candidate.candidate_id
        )


def test_a_proposal_waits_for_a_load_that_has_its_number_and_takes_it_in(
    desk: Desk, deliveries: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    essex, kent, *_ = deliveries
    load.load(desk.office, [essex])
    gate = Gate()
    numbered = gate.before(warehouse.insert, lambda connection, table, rows: table == "reporting.load")
    monkeypatch.setattr(warehouse, "insert", numbered)
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(load.load, desk.office, [kent])
        assert gate.reached.wait(30)  # it holds the lock
        proposing: Future[Any] = pool.submit(propose, desk.office, "2025-01", ON)
        wait_until_one_waits(desk)
        assert not proposing.done()
        gate.opened.set()
        loading.result(30)
        candidate = proposing.result(30)
    assert held(desk, candidate.candidate_id) == ["essex", "kent"]
    assert candidate.load_number == REFERENCE_FILES + 2


def test_two_loads_of_the_same_deliveries_and_many_proposals_at_once(desk: Desk, deliveries: list[int]) -> None:
    load.load(desk.office, deliveries[:1])
    with ThreadPoolExecutor(2) as pool:
        loading = [pool.submit(load.load, desk.office, order) for order in (deliveries, deliveries[::-1])]
        candidates = [propose(desk.office, "2025-01", ON)]
        while not all(future.done() for future in loading):
            candidates.append(propose(desk.office, "2025-01", ON))
        for future in loading:
            assert sorted(future.result()) == sorted(deliveries)
    candidates.append(propose(desk.office, "2025-01", ON))
    assert desk.rows("SELECT array_agg(load_number ORDER BY load_number) FROM reporting.load") == [
        ([*range(1, REFERENCE_FILES + 5)],)
    ]
    assert desk.rows("SELECT count(*) FROM reporting.police_uk_street") == desk.rows(
        "SELECT sum(v.row_count) FROM quality.validation v JOIN landing.delivery USING (delivery_id) WHERE period > ''"
    )
    for candidate in candidates:
        numbered = desk.rows(
            "SELECT count(*) FROM reporting.load JOIN landing.delivery USING (delivery_id)"
            " WHERE period > '' AND load_number <= %s",
            candidate.load_number,
        )
        assert [(len(held(desk, candidate.candidate_id)),)] == numbered
    freeze(desk, candidates[-1].candidate_id, candidates[-1].shown_sha256)
    assert held(desk, candidates[-1].candidate_id) == FORCES


def test_a_version_that_is_copying_while_a_later_one_is_loaded_does_not_replace_it(
    desk: Desk, street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [
        street.changed(tmp_path / str(number), "2025-01", "kent", lambda rows: rows.extend(rows[:1] * number))  # noqa: B023
        for number in (0, 1)
    ]
    received = receive(desk.office, versions, ON)
    validate(desk.office, received.delivery_ids, ON)
    first, second = received.delivery_ids[-2:]
    gate = Gate()
    monkeypatch.setattr(load, "rows_sha256", gate.before(load.rows_sha256, lambda *arguments: first in arguments))
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load.load, desk.office, [first])
        assert gate.reached.wait(30)
        assert load.load(desk.office, [second]) == [second]
        gate.opened.set()
        assert loading.result(30) == []
    assert desk.rows("SELECT DISTINCT delivery_id FROM reporting.police_uk_street") == [(second,)]


def wait_until_one_waits(desk: Desk) -> None:
    """Wait until a connection stands before an advisory lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    until = time.monotonic() + 30
    while desk.rows(waiting) != [(1,)]:
        assert time.monotonic() < until, "nobody waits"
        time.sleep(0.02)
