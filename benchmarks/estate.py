"""One month's re-extract of the police feeds, from receive to propose: ten times the rows against the time."""

import resource
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.inputs import STEWARD
from benchmarks.measure import Comparison, Cost, Stages, cost
from monthend import warehouse
from monthend.freeze.candidate import propose
from monthend.load import load
from monthend.office import Office, temporary_office
from monthend.plan.calendar import add_months, freeze_day
from monthend.receive import receive
from monthend.run import run
from monthend.sample import force
from monthend.validate.validation import validate

MONTH, HOLD = "2017-06", 10.0


def measure(repeats: int, scales: Sequence[float] = (1.0, 10.0)) -> Comparison:
    """Measure the same month at two scales, each in a process of its own, whose peak memory is its own."""
    small, large = ([_apart(scale) for _ in range(repeats)] for scale in scales)
    notes = [
        f"at scale {scale:g}: {runs[-1][1]:,} rows; {runs[-1][2]}; peak memory {runs[-1][3]:.2f} GB, "
        "without the database's"
        for scale, runs in zip(scales, (small, large), strict=True)
    ]
    name = f"a month's re-extract: scale {scales[1]:g} against scale {scales[0]:g}"
    return Comparison(name, large[-1][1], [each[0] for each in small], [each[0] for each in large], HOLD, notes)


def _apart(scale: float) -> tuple[Cost, int, str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_month, scale).result()


def _month(scale: float) -> tuple[Cost, int, str, float]:
    """The cost of a month-end's pull and proposal after the one before is frozen, its rows, stages and memory in GB."""
    import great_expectations  # noqa: F401 - importing it is in no figure

    before, on = add_months(MONTH, -1), freeze_day(MONTH)
    with tempfile.TemporaryDirectory(prefix="monthend-") as folder, temporary_office() as office:
        force.write(Path(folder), until=MONTH, months=2, scale=scale, public=False, with_partners=False)
        run(office, before, [Path(folder) / before], STEWARD, freeze_day(before))
        stages = Stages()

        def pull_and_propose() -> None:
            stages("receive")
            received = receive(office, [Path(folder) / MONTH], on).delivery_ids
            stages("validate")
            validate(office, received, on)
            stages("load")
            load(office, received)
            stages("propose")
            propose(office, MONTH, on)
            stages()

        spent = cost(pull_and_propose, office)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return spent, _rows(office), str(stages), peak


def _rows(office: Office) -> int:
    with office.engine.connect() as connection:
        (counted,) = warehouse.query(
            connection,
            "SELECT sum(l.row_count) AS rows FROM reporting.load l JOIN landing.delivery d USING (delivery_id)"
            " WHERE d.period = :month",
            month=MONTH,
        )
    return int(counted["rows"])
