"""What a check found on a delivery."""

from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from monthend.validate.unreadable import Unreadable


@dataclass
class CheckResult:
    """The outcome of one check, or of one part of it, on one delivery."""

    check_id: str
    part: str
    description: str
    action: str
    outcome: str = "passed"
    element_count: int | None = None
    unexpected_count: int | None = None
    detail: str = ""
    rows: list[int] = field(default_factory=list)  # failing row numbers
    block_above: float | None = None  # share of rows above which failing rows block the delivery
    waiver_id: int | None = None  # the waiver under which a failure does not count


@dataclass(frozen=True)
class Delivery:
    """A delivery as the landing schema knows it."""

    delivery_id: int
    feed: str
    period: str
    area_code: str
    sha256: str
    received_on: date


Batch = list[tuple[Delivery, pa.Table | Unreadable]]  # each with its rows, or with what the reader found
