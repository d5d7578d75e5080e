"""The demonstration: a whole installation on this machine's loopback, and a month-end through Airflow on it."""

from monthend.demo.installation import Airflow, running

__all__ = ["Airflow", "running"]
