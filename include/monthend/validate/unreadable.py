"""Why a delivery's bytes are not rows of its feed, in words, whatever format they are in."""

NO_ROWS = "The file has headings and no rows. A month without any row is never taken for zero."


class Unreadable(Exception):
    """The bytes are not rows of this feed. The message says what is wrong and where, without any value.

    `check_id` is the check that fails: G03 (no file of the feed's columns), or G13 (a fault of the workbook).
    """

    def __init__(self, message: str, check_id: str = "G03") -> None:
        super().__init__(message)
        self.check_id = check_id


def refuse_other_columns(found: list[str], expected: list[str]) -> None:
    """Raise Unreadable where the headings `found` are not those `expected`, in whatever order."""
    missing = [heading for heading in expected if heading not in found]
    unknown = [str(place) for place, heading in enumerate(found, start=1) if heading not in expected]
    twice = [heading for heading in expected if found.count(heading) > 1]
    parts = []
    if missing:
        parts.append(f"missing: {', '.join(missing)}")
    if unknown:  # a heading may itself hold a value, when the headings are gone
        parts.append(f"not in the feed: column {', '.join(unknown)}")
    if twice:
        parts.append(f"twice: {', '.join(twice)}")
    if parts:
        raise Unreadable(f"Columns differ from the feed's ({'; '.join(parts)}).")
