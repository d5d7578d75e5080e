"""Validate: a verdict a check, quarantined rows, a report that a steward can read."""
