"""The steward's desk: pages inside Airflow on which a month-end is watched, reviewed and signed off."""
