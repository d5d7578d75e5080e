"""A return's form: its sheet, its columns and the marks that it allows. Template, reader and answer read them here."""

import re
from dataclasses import dataclass

SHEET, INSTRUCTIONS = "Return", "Instructions"
# What stands above the table: a label in column A and beside it which form this is, for whom, and who signed it
FORM, VERSION, QUARTER, AREA = "Form", "Version", "Quarter", "Area"
SIGNED_BY_ROLE, SIGNED_ON = "Signed off by (role)", "Signed off on"
LABELS = (FORM, VERSION, QUARTER, AREA, SIGNED_BY_ROLE, SIGNED_ON)


@dataclass(frozen=True)
class Column:
    """A column of the form: heading, the feed's column that it fills, whether the partner fills it in, width, help."""

    heading: str
    column: str  # of the feed's; empty: shown only
    partner: bool
    width: int
    help: str


COLUMNS = (
    Column("Item", "item_code", False, 27, "The key of the item. It stays the same from quarter to quarter."),
    Column("What is asked for", "", False, 44, "The item in words."),
    Column("Priority", "sp", False, 10, "The strategic priority of the Police and Crime Plan."),
    Column("Unit", "unit", False, 10, "count; percent, given as numerator and denominator; or text, without a figure."),
    Column(
        "Counted over", "basis", False, 15, "discrete: the quarter alone; ytd: since 1 April; snapshot: the last day."
    ),
    Column("From", "item_period_start", False, 13, "The first day of the figure."),
    Column("To", "item_period_end", False, 13, "The last day of the figure."),
    Column("Last quarter", "", False, 18, "What you gave for the quarter before. It is never taken for this one."),
    Column("Figure", "value", True, 13, "Of a count: a whole number. Of a percent leave it empty."),
    Column("Numerator", "numerator", True, 13, "Of a percent: how many."),
    Column("Denominator", "denominator", True, 14, "Of a percent: out of how many."),
    Column(
        "If there is none, why", "missing_reason", True, 26, "Choose from the list. Never put 0 for what is not known."
    ),
    Column(
        "What was done", "narrative", True, 60, "In words, without names, addresses, telephone numbers or postcodes."
    ),
    Column("Source", "source_system", True, 24, "The system or report that the figure is taken from."),
)

FIGURES = ("value", "numerator", "denominator")

# Why there is no figure: the code that is kept, and the words of the form's list
NOT_APPLICABLE = "not_applicable"
REASONS = {
    "not_yet_available": "Not yet available",
    "nothing_new": "No new data published",
    "lagged": "Published later (data lag)",
    NOT_APPLICABLE: "Not applicable here",
    "not_collected": "Not collected",
}
NOT_GIVEN = "not_given"  # of a cell that is empty without a reason
SAID_OTHERWISE = {  # what returns say in place of a figure, in small letters
    r"(data )?not( yet)? available|nya": "not_yet_available",
    r"no new data( published)?": "nothing_new",
    r"\((q[1-4] )?data ?- ?data lag\)|data lag": "lagged",
    r"n/a|not applicable": NOT_APPLICABLE,
}


def reason(text: str) -> str | None:
    """The code of the reason why there is no figure, where a text says one, in the form's words or in others."""
    said = " ".join(text.split()).casefold().rstrip(".")
    for code, words in REASONS.items():
        if said in (code, words.casefold()):
            return code
    return next((code for pattern, code in SAID_OTHERWISE.items() if re.fullmatch(pattern, said)), None)
