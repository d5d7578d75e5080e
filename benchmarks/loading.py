"""Loading validated deliveries, against a bare COPY of the same files."""

from benchmarks import bare
from benchmarks.inputs import ON, Inbox
from benchmarks.measure import Comparison, cost
from monthend import warehouse
from monthend.load import load
from monthend.office import temporary_office
from monthend.receive import receive, stored_path
from monthend.validate.validation import validate

HOLD = 6.0


def measure(inbox: Inbox, repeats: int) -> Comparison:
    """Measure loading, a share of the deliveries at a time, as many shares as `repeats`."""
    reference, subject = [], []
    with temporary_office(inbox.declarations) as office, bare.table(office) as connection:
        validate(office, receive(office, inbox.zips, ON).delivery_ids, ON)
        with office.engine.connect() as reader:
            deliveries = warehouse.query(
                reader,
                "SELECT delivery_id, sha256 FROM landing.delivery WHERE feed = 'police_uk_street' ORDER BY sha256",
            )
        for place in range(repeats):
            share = deliveries[place::repeats]
            paths = [stored_path(office, delivery["sha256"]) for delivery in share]
            reference.append(cost(lambda paths=paths: bare.copy(connection, paths), office))
            ids = [delivery["delivery_id"] for delivery in share]
            subject.append(cost(lambda ids=ids: load(office, ids), office))
        rows = bare.count(connection)
    notes = [f"seconds are of a {repeats}th of {len(deliveries)} deliveries; one transaction a delivery"]
    return Comparison(f"loading: {inbox.name}", rows, reference, subject, HOLD, notes)
