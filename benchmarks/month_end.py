"""A whole month-end from the downloads, against unzip + COPY + one GROUP BY of the same files."""

import shutil
import tempfile
from pathlib import Path

from benchmarks import bare
from benchmarks.inputs import MONTH, ON, STEWARD, Inbox
from benchmarks.measure import Comparison, Stages, cost
from monthend import warehouse
from monthend.office import temporary_office
from monthend.run import run

HOLD = 4.0


def measure(inbox: Inbox, repeats: int) -> Comparison:
    """Measure the month-end of `inbox`, each time in a fresh home, which is opened before the clock starts."""
    reference, subject, rows = [], [], 0
    for _ in range(repeats):
        with temporary_office(inbox.declarations) as office, bare.table(office) as connection:
            folder = Path(tempfile.mkdtemp(prefix="monthend-"))

            def counted(connection=connection, folder=folder) -> None:
                bare.copy(connection, bare.unzip(inbox.zips, folder))
                nonlocal rows
                rows = bare.count(connection)

            stages = Stages()

            def month_end(office=office, stages=stages) -> None:
                run(office, MONTH, inbox.zips, STEWARD, ON, stages)

            reference.append(cost(counted, office))
            shutil.rmtree(folder)
            subject.append(cost(month_end, office))
            stages()
            with office.engine.connect() as warehouse_connection:
                (held,) = warehouse.query(
                    warehouse_connection,
                    "SELECT sum(row_count + quarantined_count) AS rows, count(*) AS deliveries"
                    " FROM (SELECT l.row_count, v.quarantined_count FROM reporting.load l"
                    " JOIN quality.validation v USING (validation_id)"
                    " JOIN landing.delivery d ON d.delivery_id = l.delivery_id WHERE d.feed = 'police_uk_street') AS s",
                )
            if held["rows"] != rows:
                raise SystemExit(
                    f"{inbox.name}: {rows} rows were copied and {held['rows']} received: not the same work"
                )
    notes = [f"{held['deliveries']} deliveries; the last run: {stages}"]
    return Comparison(f"whole month-end: {inbox.name}", rows, reference, subject, HOLD, notes)
