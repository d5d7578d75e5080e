"""Publish: from a frozen snapshot to every board's workbook."""
