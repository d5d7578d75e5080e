"""The rules of a good workbook, checked on the finished file: one small function a rule, keyed by its id.

A published rendering passes every rule. A board rendering may have charts beside tables (F14), freeze panes (T07)
and a fill on headings (F06); what it has to pass are the essential rules, level E.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monthend.publish.inspection import Inspected, Level
from monthend.publish.rules_form import FORM_ADVICE, FORM_RULES
from monthend.publish.rules_policy import POLICY_RULES
from monthend.publish.rules_tables import TABLE_ADVICE, TABLE_RULES

RULES = {**TABLE_RULES, **FORM_RULES, **POLICY_RULES}
ADVICE = {**TABLE_ADVICE, **FORM_ADVICE}
EXEMPT = {"board": frozenset({"F14"}), "published": frozenset[str]()}

MANUAL_RULES = {
    "T11": "A 0 in a table is a true zero: compare with the unrounded value where the table is made.",
    "T19": "The same quantity has the heading it had in the last release.",
    "T22": "Significance stands in words or letters, in a column of its own.",
    "F21": "Spelling and grammar are right.",
    "S01": "Tabs have the names they had in the last release.",
    "S10": "Each sheet names its source if sources differ; else the cover does.",
    "S11": "Context and uncertainty are explained on the notes sheet or the cover.",
    "P03": "Excel's accessibility checker finds nothing.",
    "P05": "An open format (ODS) is preferred; .xlsx is right where readers need it.",
    "P06": "The file is not sent inside a zip.",
}


@dataclass(frozen=True)
class Finding:
    """A place where a workbook breaks a rule; `cell` is empty when it is the sheet or the file that does."""

    rule: str
    sheet: str
    cell: str
    text: str
    level: Level


def check(path: Path, rendering: Literal["board", "published"]) -> list[Finding]:
    """Check a finished workbook against every rule that a program can check.

    Args:
        path: the .xlsx file.
        rendering: which exemptions hold.

    Returns:
        What was found, in the order of the rules; nothing if the workbook is good.

    Raises:
        ValueError: the file is not a workbook.
    """
    book = Inspected(path, rendering)
    return [
        Finding(rule, problem.sheet, problem.cell, problem.text, problem.level or level)
        for rule, (level, function) in RULES.items()
        if rule not in EXEMPT[rendering]
        for problem in function(book)
    ]


def advise(path: Path, rendering: Literal["board", "published"]) -> list[Finding]:
    """Give what the guidance would rather have otherwise, without calling it wrong.

    Raises:
        ValueError: the file is not a workbook.
    """
    book = Inspected(path, rendering)
    return [
        Finding(rule, problem.sheet, problem.cell, problem.text, problem.level or level)
        for rule, (level, function) in ADVICE.items()
        for problem in function(book)
    ]
