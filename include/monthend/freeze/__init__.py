"""Freeze: propose a candidate, record a named steward's answer to it, chain the snapshot."""
