"""Rules that the performance framework sets for what a pack may say: checks K05 and O11 of the catalogue."""

import re
from collections.abc import Iterator

from monthend.publish.inspection import Inspected, Problem, RuleTable, at, is_number

OUTCOME_TYPES = "Outcome type"  # what the first column of a table of outcomes is headed
_NOT_CITED = re.compile(
    r"\bSP ?(?:6|15)\b|serious sexual offence|child (?:abuse|sexual exploitation)|\bCSE\b", re.IGNORECASE
)
_COUNTED = re.compile(r"\d[\d,.]* ?(?:%|per ?cent|crimes?|offences?|incidents?|victims?|cases?)", re.IGNORECASE)
_GRADED = re.compile(r"positive[ -]outcome|\brank|league table|\b(?:best|worst|red|amber|green)\b", re.IGNORECASE)
_CODE = re.compile(r"(\d+)([A-Z]?)\b")


def no_number_without_a_measure(book: Inspected) -> Iterator[Problem]:
    """No number, chart or comment speaks to SP6 or SP15, for which the plan cites no measure."""
    for sheet in book.sheets:
        titled = _NOT_CITED.search(str(sheet.worksheet["A1"].value))
        if titled and (sheet.drawing.alternative_texts or any(is_number(cell.value) for cell in sheet.cells)):
            yield at(sheet.worksheet["A1"], f"{titled[0]!r} has no measure, and the sheet shows numbers of it")
        for text in sheet.drawing.alternative_texts:
            if text and (found := _NOT_CITED.search(text)):
                yield Problem(sheet.name, "", f"{found[0]!r} has no measure, and a chart shows it")
        for cell, text in sheet.texts:
            if (found := _NOT_CITED.search(text)) and _COUNTED.search(text):
                yield at(cell, f"{found[0]!r} has no measure, and the text gives a number of it")
    for _, table in book.tables():
        for row in table.rows:
            texts = [cell for cell in row if isinstance(cell.value, str) and _NOT_CITED.search(cell.value)]
            if texts and any(is_number(cell.value) for cell in row):
                yield at(texts[0], "has no measure, and its row holds a number")
        for heading, numeric in zip(table.headings, table.numeric, strict=True):
            if numeric and _NOT_CITED.search(str(heading.value)):
                yield at(heading, "has no measure, and heads a column of numbers")


def outcomes_in_code_order(book: Inspected) -> Iterator[Problem]:
    """Outcomes stand in the order of their codes, without rank, grade or colour."""
    for sheet, table in book.tables():
        if table.headings[0].value != OUTCOME_TYPES:
            continue
        labels = [(row[0], found) for row in table.rows if (found := _CODE.match(str(row[0].value)))]
        codes = [(int(found[1]), found[2]) for _, found in labels]
        for (cell, _), code, before in zip(labels[1:], codes[1:], codes, strict=False):
            if code < before:
                yield at(cell, "the outcome type does not stand in the order of codes")
        for cell in table.cells():
            if cell.fill.fill_type:
                yield at(cell, "the number of an outcome is coloured")
        for cell, text in sheet.texts:
            if found := _GRADED.search(text):
                yield at(cell, f"{found[0]!r}: outcomes are neither ranked nor graded")
        if any(sheet.worksheet.conditional_formatting):
            yield Problem(sheet.name, "", "the colours of outcomes depend on their values")
    for _, cell, text in book.texts():
        if found := re.search(r"positive[ -]outcome", text, re.IGNORECASE):
            yield at(cell, f"{found[0]!r} grades outcomes")


POLICY_RULES: RuleTable = {
    "K05": ("E", no_number_without_a_measure),
    "O11": ("E", outcomes_in_code_order),
}
