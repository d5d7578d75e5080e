"""The sheet of revisions: how counts differ from the snapshot before, by cause."""

from collections import defaultdict
from collections.abc import Iterator

from monthend.freeze.candidate import canonical
from monthend.freeze.revisions import CAUSES
from monthend.publish import words
from monthend.publish.book import Cell, Column, Passport, Sheet, Table
from monthend.publish.choice import Choice
from monthend.publish.material import Material


def revision_sheet(material: Material, choice: Choice) -> Iterator[Sheet]:
    """How the counts of the pack's measures differ from the snapshot before, by month and cause.

    Measures that are counted one by one have causes; without one in the pack there is no such sheet.
    """
    counted = {each.measure: each for each in (*choice.read, *choice.outcomes) if each.counted == "rows"}
    if not counted:
        return
    revised: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for measure, month, cause, difference in material.revisions:
        revised[measure, month][cause] = difference
    area = material.label(material.declarations.plan.home_force)
    rows: list[tuple[Cell | str, ...]] = []
    for measure, declared in counted.items():
        for month in sorted((month for key, month in revised if key == measure), reverse=True):
            by_cause = revised[measure, month]
            rows.append(
                (
                    f"{declared.title}, {words.of_month(month)}",
                    *(_difference(material, measure, month, cause, by_cause.get(cause, 0)) for cause in CAUSES),
                    _difference(material, measure, month, "total", sum(by_cause.values())),
                )
            )
    nothing = ("Nothing was revised", *["[z]"] * (len(CAUSES) + 1))
    yield Sheet(
        "revisions",
        f"Revisions since the snapshot before, by cause, {area}",
        (
            "By how much the count of a month differs from the one in the snapshot before, split by why; the causes "
            "add up to the total. Months and measures that did not change are left out.",
        ),
        Table(
            "revisions",
            (
                Column("Measure and month", "text", width=44),
                *(Column(cause.capitalize(), "number") for cause in CAUSES),
                Column("Total difference", "number"),
            ),
            tuple(rows or [nothing]),
        ),
    )


def _difference(material: Material, measure: str, month: str, cause: str, number: int) -> Cell:
    area, frozen = material.declarations.plan.home_force, (material.month, material.revision, material.digest)
    of = {"measure": measure, "area": area, "period": month, "cause": cause}
    of |= zip(("month_end", "revision", "digest"), map(str, frozen), strict=True)
    return Cell(number, Passport("derived", canonical({"formula": "revision", **of})))
