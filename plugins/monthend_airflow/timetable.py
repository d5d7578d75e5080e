"""When month-ends come: on a working day of the month after, in London."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType
from pendulum import DateTime

from monthend.plan.calendar import add_months, month_end, working_day

LONDON = ZoneInfo("Europe/London")


class WorkingDay(Timetable):
    """A run a month: on working day `n` at clock time `at`, for the month that ended, `YYYY-MM`, as partition key.

    Without catchup only the newest of the runs that were missed is made, and none for a time before the DAG was.
    """

    partitioned = True
    description = "A working day of England and Wales, for the month that ended"

    def __init__(self, n: int, at: str = "07:00") -> None:
        self.n = n
        self.at = time.fromisoformat(at)

    def serialize(self) -> dict[str, Any]:
        """Give the arguments, as JSON."""
        return {"n": self.n, "at": f"{self.at:%H:%M}"}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "WorkingDay":
        """Make the timetable again from its arguments."""
        return cls(**data)

    @property
    def summary(self) -> str:
        """What the grid shows as the schedule."""
        return f"Working day {self.n}, {self.at:%H:%M}"

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Give the run after `last_dagrun_info`, or the first there is within `restriction`."""
        now = utcnow()
        if last_dagrun_info is not None:
            following = self._run(add_months(self._month_at(last_dagrun_info.run_after), 1))
        else:
            first = restriction.earliest or now
            month = self._month_at(first)
            following = self._run(month if self._run(month).run_after == first else add_months(month, 1))
        if not restriction.catchup and (last_dagrun_info is not None or restriction.earliest is not None):
            following = max(following, self._run(self._month_at(now)), key=lambda run: run.run_after)
        if restriction.latest is not None and following.run_after > restriction.latest:
            return None
        return following

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterator[DagRunInfo]:
        """Give the runs for the months that begin within the bounds, for a backfill."""
        first, last = self.localize_partition_datetime(earliest), self.localize_partition_datetime(latest)
        month = f"{first.in_timezone(LONDON):%Y-%m}"
        while (run := self._run(month)).partition_date <= last:
            if run.partition_date >= first:
                yield run
            month = add_months(month, 1)

    def localize_partition_datetime(self, dt: datetime) -> DateTime:
        """Read the clock time of a bound, which comes as UTC, as London's: else a backfill in summer begins late."""
        return coerce_datetime(dt.replace(tzinfo=LONDON)).in_timezone("UTC")

    def _decode_partition_date(self, partition_key: str) -> DateTime:
        """Give the beginning of the month that a key names; a key that names none is refused when a run is made."""
        try:
            return self._beginning(partition_key)
        except ValueError as error:
            raise InvalidPartitionKeyError(f"{error}.") from error

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Give a run that was triggered with a logical date the interval Airflow asks for; nothing here reads it."""
        return DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Name a run by its month, beside the time that keeps a second run of the month apart."""
        suffix = run_after.isoformat()
        return run_type.generate_run_id(suffix=f"{key}__{suffix}" if (key := extra.get("partition_key")) else suffix)

    def _run(self, month: str) -> DagRunInfo:
        """Give the run for a month that ended."""
        day = working_day(add_months(month, 1), self.n)
        tick = coerce_datetime(datetime.combine(day, self.at, tzinfo=LONDON)).in_timezone("UTC")
        return DagRunInfo(tick, data_interval=None, partition_date=self._beginning(month), partition_key=month)

    def _month_at(self, moment: datetime) -> str:
        """Give the month of the newest run at or before a moment."""
        ended = add_months(f"{moment.astimezone(LONDON):%Y-%m}", -1)
        return ended if self._run(ended).run_after <= moment else add_months(ended, -1)

    @staticmethod
    def _beginning(month: str) -> DateTime:
        first = datetime.combine(month_end(month).replace(day=1), time(), tzinfo=LONDON)
        return coerce_datetime(first).in_timezone("UTC")
