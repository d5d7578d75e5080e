"""What one flow hands to the next."""

from airflow.sdk import Asset

month_end_snapshot = Asset("month_end_snapshot")  # partitioned by the month that was frozen, YYYY-MM
