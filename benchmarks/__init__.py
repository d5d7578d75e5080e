"""Benchmarks: how long the work takes beside a plain reference, measured in the same run. See README.md."""
