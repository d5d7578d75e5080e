"""Registers with Airflow what it has to know of monthend."""

from airflow.plugins_manager import AirflowPlugin

from monthend_airflow.timetable import WorkingDay


class MonthendPlugin(AirflowPlugin):
    """The timetable of month-ends."""

    name = "monthend"
    timetables = [WorkingDay]  # noqa: RUF012 - Airflow's own way to declare them
