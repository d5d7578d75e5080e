"""Workbooks that obey every rule, to be read, damaged and drawn in tests."""

import datetime
import math
import random
from decimal import Decimal
from typing import Any

from monthend.publish.workbook import Book, Cell, Chart, Column, Cover, Heading, Link, Passport, Series, Sheet, Table

FACT = Passport("fact", '{"measure":"open_burglary"}')
FORCES = ("Bedfordshire", "Essex", "Hampshire", "Hertfordshire", "Kent", "Leicestershire", "Nottinghamshire", "Sussex")

COVER = Cover(
    "Crime in Leicestershire, data to the end of April 2014",
    (
        "Performance pack for the Police and Crime Panel meeting of 9 June 2014, frozen 13 May 2014.",
        Heading("Summary"),
        "Burglary was lower than the usual range in April 2014. There was no change beyond normal month-to-month "
        "variation in the other four categories of crime that the plan follows.",
        Heading("Source"),
        "Leicestershire Police, recorded crime extract of 5 May 2014.",
        Link("Police recorded crime open data tables", "https://www.example.org/tables"),
        Heading("Published"),
        "Published 30 May 2014. Next update: July 2014.",
        Heading("Provisional and revised figures"),
        "Months under twelve months old are provisional and may be revised in a later pack.",
        Heading("Caveats"),
        "Police recorded crime is not designated as National Statistics.",
        Heading("Contact"),
        Link("Performance team by e-mail", "mailto:performance@example.org"),
    ),
)


def month(first: datetime.date, index: int) -> datetime.date:
    """Give the month `index` months after `first`."""
    years, months = divmod(first.month - 1 + index, 12)
    return datetime.date(first.year + years, months + 1, 1)


def monthly(name: str, months: int, seed: int = 1) -> tuple[Table, tuple[Series, ...]]:
    """Give chart data as a station would make it: a missing month, mean and limits, signals in their own columns."""
    noise = random.Random(seed)  # noqa: S311 - made-up counts
    counts: list[int | None] = [round(310 + 40 * math.sin(i / 3) + noise.gauss(0, 12)) for i in range(months)]
    counts[-9:-2] = [268, 262, 271, 266, 259, 270, 264]
    counts[5] = None
    counts[-1] = 214
    shift = [counts[i] if months - 9 <= i < months - 2 else None for i in range(months)]
    outside = [counts[i] if i == months - 1 else None for i in range(months)]
    columns = (
        Column("Month", "month"),
        Column("Offences", "number"),
        Column("Mean", "number", 1),
        Column("Upper limit", "number", 1),
        Column("Lower limit", "number", 1),
        Column("Seven on one side", "number"),
        Column("Outside the limits", "number"),
    )
    start = month(datetime.date(2014, 4, 1), 1 - months)
    rows = tuple(
        (
            Cell(month(start, i)),
            Cell(counts[i], FACT),
            Cell(Decimal("300.5")),
            Cell(Decimal("379.8")),
            Cell(Decimal("221.2")),
            Cell(shift[i]),
            Cell(outside[i]),
        )
        for i in range(months)
    )
    series = (
        Series("Offences", "values", "Burglary offences"),
        Series("Mean", "mean", "Mean"),
        Series("Upper limit", "limit", "Upper limit"),
        Series("Lower limit", "limit", "Lower limit"),
        Series("Seven on one side", "shift", "Seven months on one side of the mean"),
        Series("Outside the limits", "outside", "Outside the usual range"),
    )
    return Table(name, columns, rows), series


def measure_table(name: str, months: int = 13) -> Table:
    """Give a measure's table as a board reads it."""
    columns = (
        Column("Month", "text"),
        Column("Offences", "number"),
        Column("Rate (per 1,000 residents)", "number", 2),
        Column("Area code", "code"),
        Column("Notes", "text"),
    )
    start = month(datetime.date(2014, 4, 1), 1 - months)
    rows: list[tuple[Cell | str, ...]] = []
    for i in range(months):
        count = 1_250 + 31 * i
        held = i != 2
        rows.append(
            (
                f"{month(start, i):%B %Y}",
                Cell(count if held else "[x]", FACT),
                Cell(round(Decimal(count) / Decimal("1017.697"), 2) if held else "[x]", FACT),
                "E23000021",
                "[p][r]" if i % 4 == 0 else "[p]",
            )
        )
    return Table(name, columns, tuple(rows))


def forces_table(name: str) -> Table:
    """Give a comparison of forces."""
    columns = (Column("Force", "text"), Column("Rate (per 1,000 residents)", "number", 1))
    rows = tuple((force, Cell(Decimal(35 + 7 * i % 23) + Decimal("0.4"), FACT)) for i, force in enumerate(FORCES))
    return Table(name, columns, rows)


def sample_book(rendering: Any = "published", *, months: int = 36, draft: bool = False, **changes: Any) -> Book:
    """Give a workbook with a line chart and a bar chart, over five sheets."""
    data, series = monthly("chart_data", months)
    burglary = Chart(
        "Burglary offences recorded a month, Leicestershire",
        "Line chart of burglary offences a month. April 2014 is the lowest month and lies below the usual range of "
        "221 to 380; the seven months to February 2014 lie below the mean of 301.",
        "line",
        "chart_data",
        "Month",
        series,
        "offences",
        minimum=150,
    )
    comparison = Chart(
        "Burglary rate in the Most Similar Group, year to April 2014",
        "Bar chart of the burglary rate of eight forces in alphabetical order. Leicestershire (own force) lies within "
        "the range of the others.",
        "bar",
        "chart_forces",
        "Force",
        (Series("Rate (per 1,000 residents)", "values", "Rate"),),
        "offences per 1,000 residents",
    )
    sheets = (
        Sheet(
            "burglary",
            "Burglary offences recorded by month, Leicestershire",
            (
                "Lower than the usual range in April 2014.",
                "A burglary is counted in the month in which it was recorded. Offences that were cancelled or "
                "transferred to another force are left out, whenever that happened. The rate uses 2011 Census "
                "residents.",
            ),
            measure_table("burglary"),
            burglary,
        ),
        Sheet(
            "peers",
            "Burglary rate by force, year to April 2014",
            ("Forces are in alphabetical order.",),
            forces_table("peers"),
            comparison,
        ),
        Sheet(
            "chart_data",
            "Numbers behind the chart of burglary",
            (),
            data,
            blanks="A blank cell means that nothing is drawn for that month.",
        ),
        Sheet("chart_forces", "Numbers behind the chart of forces", (), forces_table("chart_forces")),
    )
    fields: dict[str, Any] = {
        "pack_id": "7f3a9c0d12e4b586",
        "file_name": "police-and-crime-panel-april-2014.xlsx",
        "title": COVER.title,
        "subject": "Police and Crime Panel, meeting of 9 June 2014",
        "organisation": "Office of the Police and Crime Commissioner for Leicestershire",
        "keywords": ("police", "crime", "performance"),
        "marking": "OFFICIAL, PUBLISHED" if rendering == "published" else "OFFICIAL-SENSITIVE",
        "draft": draft,
        "rendering": rendering,
        "when": datetime.datetime(2014, 5, 13, 9, 0, tzinfo=datetime.UTC),
        "cover": COVER,
        "sheets": sheets,
    }
    return Book(**{**fields, **changes})
