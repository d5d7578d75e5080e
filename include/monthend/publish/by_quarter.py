"""What the police count that is sensitive, in a pack that is not OFFICIAL-SENSITIVE: the force alone, by whole quarter.

Until there is disclosure control nothing else of such a measure may stand there: no month, no area, no part of it.
"""

from collections.abc import Iterator

from monthend.plan.calendar import add_months, newest_quarter
from monthend.publish import words
from monthend.publish.book import Cell, Column, Sheet, Table
from monthend.publish.figure import figure
from monthend.publish.material import Material
from monthend.publish.measure import MeasureSheet
from monthend.publish.reported import SENSITIVE

NOT_READ = "Each stands beside the quarter a year before and is not read. OFFICIAL-SENSITIVE packs read it by month."


def by_quarter_sheet(material: Material, measures: list[MeasureSheet]) -> Iterator[Sheet]:
    """A row a measure: the newest quarter that is over, and the one a year before."""
    rows: list[tuple[Cell | str, ...]] = []
    for each in measures:
        key = each.key("quarter", newest_quarter(each.latest))
        earlier = key._replace(period=add_months(key.period, -12))
        broken = each.across_a_break(earlier, key)
        priorities = material.declarations.plan.priorities_of(each.measure.measure, material.month)
        rows.append(
            (
                each.measure.title,
                words.period("quarter", key.period),
                figure(material, each.measure, key, withheld=True),
                "[b]" if broken else figure(material, each.measure, earlier, withheld=True),
                ", ".join(priority.priority for priority in priorities) or "[z]",
                (material.marks(key) if key in material.facts else "") or words.NO_NOTES,
            )
        )
    if rows:
        area = material.label(material.declarations.plan.home_force)
        caveats = (f"{each.measure.title}: {each.measure.caveat.strip()}" for each in measures if each.measure.caveat)
        yield Sheet(
            "by_quarter",
            f"Sensitive measures of the police by quarter: {area}",
            (NOT_READ, SENSITIVE, *caveats),
            Table(
                "by_quarter",
                (
                    Column("Measure", "text"),
                    Column("Quarter", "text"),
                    Column("In the quarter (count)", "number"),
                    Column("In the quarter a year before (count)", "number"),
                    Column("Speaks to", "text"),
                    Column("Notes", "text"),
                ),
                tuple(rows),
            ),
        )
