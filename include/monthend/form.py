"""A return's form: its sheet, its columns, the marks that it allows, and what is said of a cell that cannot be taken.

Template, reader and answer all take their words from here, so that a message never contradicts the form.
"""

from dataclasses import dataclass

SHEET = "Return"
INSTRUCTIONS = "Instructions"
TABLE = "return"
SIGNED_BY_ROLE, SIGNED_ON = "Signed off by (role, not name)", "Signed off on"
# Custom properties of the workbook's: which form it is, of which version, for which quarter (YYYY-MM) and for whom
PROPERTIES = ("monthend_form", "monthend_form_version", "monthend_period", "monthend_area")


@dataclass(frozen=True)
class Column:
    """A column of the form: its heading, the feed's column that it fills, who fills it in, and what to put there."""

    heading: str
    column: str  # of the feed's; empty: shown only
    filled_by: str  # "office" (protected) or "partner"
    help: str


COLUMNS = (
    Column("Priority", "sp", "office", "The strategic priority of the Police and Crime Plan."),
    Column("Item", "item_code", "office", "The key of the item. It stays the same from quarter to quarter."),
    Column("What is asked for", "", "office", "The item in words."),
    Column("Unit", "unit", "office", "count, percent (give numerator and denominator), or text (no figure)."),
    Column("Counted over", "basis", "office", "discrete: the quarter alone; ytd: since April; r12: twelve months; "
           "cohort; snapshot: on the last day."),
    Column("From", "item_period_start", "partner", "First day that the figure covers, if it is another than shown."),
    Column("To", "item_period_end", "partner", "Last day that the figure covers, if it is another than shown."),
    Column("Last quarter", "", "office", "What you gave for the quarter before."),
    Column("Figure", "value", "partner", "A count: a whole number, without separator or unit. Of percent leave empty."),
    Column("Numerator", "numerator", "partner", "Of percent: how many."),
    Column("Denominator", "denominator", "partner", "Of percent: out of how many."),
    Column("If there is none, why", "missing_reason", "partner", "Choose from the list. Never 0 for unknown."),
    Column("What was done", "narrative", "partner", "Words. No names, addresses, telephone numbers or postcodes."),
    Column("Source", "source_system", "partner", "The system or report that the figure is taken from."),
)  # fmt: skip

# Why there is no figure: the code that is kept, and the words of the form's list
REASONS = {
    "not_yet_available": "Not yet available",
    "nothing_new": "No new data published",
    "lagged": "Published later (data lag)",
    "not_applicable": "Not applicable here",
    "not_collected": "Not collected",
    "not_given": "Left blank",  # of a cell that is empty without a reason
}
