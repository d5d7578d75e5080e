"""What partners returned, of all of them beside each other, and a partner's own return as it was read.

Partners stand in the order of the alphabet. A sensitive measure is shown for the force alone, counts of 1 to 4 as [c].
"""

from collections.abc import Iterator
from typing import Any

from monthend import form
from monthend.freeze.candidate import canonical
from monthend.freeze.facts import Key
from monthend.plan.declarations import Board, FormItem, Measure
from monthend.publish import words
from monthend.publish.book import Cell, Column, Passport, Sheet, Table
from monthend.publish.choice import Choice
from monthend.publish.figure import NOT_MANY, PartnerFigure, figure, in_order, notes_of
from monthend.publish.material import Material, Returned, decimals_of, first_of, passport, per, population_note, rounded
from monthend.publish.measure import MeasureSheet
from monthend.publish.reported import SENSITIVE, WITHHELD

ASSURANCE = (
    "Assurance is the board's own word for how far it is satisfied: full - wholly; substantial - but for small "
    "matters; partial - there are gaps; none - it is not."
)
ORDER = "Areas stand in the order of the alphabet, which says nothing of merit."


def area_sheets(material: Material, measures: list[MeasureSheet], area: str) -> Iterator[Sheet]:
    """An area beside the force and the other areas: rates of 12 months, then the counts behind them."""
    rated = [each for each in measures if each.measure.rate and not each.ended]
    codes = _in_order(material, rated[0].measure.feed) if rated else []
    decimals = max((decimals_of(each.measure) for each in rated), default=0)
    for name, of, places in (("areas", "rate", decimals), ("areas_counts", "count", 0)):
        rows = [(each.measure.title, *(_of_area(each, code, of, places) for code in codes)) for each in rated]
        if rows:
            spans = {words.period("r12", each.latest) for each in rated}
            unit = per([each.measure for each in rated]) if of == "rate" else "count"
            yield Sheet(
                name,
                f"Areas beside each other: {' and '.join(sorted(spans))} ({unit})",
                (ORDER, population_note(material, area)),
                Table(
                    name,
                    (
                        Column("Measure", "text"),
                        *(Column(f"{_name(material, code, area)} ({unit})", "number", places) for code in codes),
                    ),
                    tuple(rows),
                ),
            )


def return_sheets(material: Material, choice: Choice, board: Board) -> Iterator[Sheet]:
    """What came and what is missing; the partners' figures beside each other; an area's own return."""
    returned = [each for each in material.returns if each.feed == board.returns]
    if not returned:
        return
    yield _completeness(material, returned)
    beside = [each for each in choice.returned if not _item(material, each).quotes]
    for percent in (False, True):
        of_kind = [each for each in beside if (each.unit == "percent") == percent]
        if of_kind:
            yield _beside(material, of_kind, returned, board.area, percent)
    own = next((each for each in returned if each.area_code == board.area), None)
    if own and own.came:
        feed = material.declarations.feeds[own.feed]
        yield _own(material, choice, own) if feed.form else _assessment(material, own)


def _completeness(material: Material, returned: list[Returned]) -> Sheet:
    rows = []
    for each in sorted(returned, key=lambda each: material.area_names[each.area_code]):
        state = "missing" if each.came is None else "late" if each.late else "in time"
        came = words.of_day(each.came) if each.came else "[x]"
        absent = sum(bool(row.get("missing_reason")) for row in each.items.values())
        rows.append(
            (
                material.area_names[each.area_code],
                state,
                came,
                _kept_out(each),
                (str(absent) if absent else "none") if each.came else "[z]",
                each.extended or "[z]",
            )
        )
    there = sum(each.came is not None for each in returned)
    return Sheet(
        "returns",
        f"Returns for the {words.period('quarter', returned[0].period)}",
        (f"{there} of {len(returned)} returns came. What is missing is shown as not available, never as zero.",),
        Table(
            "returns",
            (
                Column("Return of", "text"),
                Column("It is", "text"),
                Column("Came on", "text"),
                Column("Items that are to be put right", "text"),
                Column("Items of which no figure was given", "text"),
                Column("Later day given", "text", width=40),
            ),
            tuple(rows),
        ),
    )


def _kept_out(each: Returned) -> str:
    if each.came is None:
        return "[z]"
    return f"{each.kept_out}, which count nowhere until then" if each.kept_out else "none"


def _beside(
    material: Material, measures: list[Measure], returned: list[Returned], own: str | None, percent: bool
) -> Sheet:
    """A row a measure and, of percentages, one more for what each is of; a column an area, the force last."""
    period = returned[0].period
    codes = _in_order(material, measures[0].feed)
    name = "partners_percent" if percent else "partners"
    not_applicable = form.REASONS[form.NOT_APPLICABLE].lower()
    rows: list[tuple[Cell | str, ...]] = []
    for measure in measures:
        keys = [_key(material, measure, code, period) for code in codes]
        each = PartnerFigure(material, measure, own or codes[-1], open_pack=True)
        absent = _absent(_item(material, measure).item, returned)
        cells = ["[z]" if absent.get(key.area_code) == not_applicable else each.cell(key) for key in keys]
        given = [key for key, cell in zip(keys, cells, strict=True) if cell not in ("[x]", "[z]", "[c]")]
        said = [notes_of({material.area_names[key.area_code]: each.marks(key) for key in given})] if given else []
        for reason in sorted(set(absent.values())):
            areas = sorted(material.area_names[code] for code, why in absent.items() if why == reason)
            said.append(f"{reason}: {', '.join(areas)}")
        rows.append((measure.title, *cells, "; ".join(said) or words.NO_NOTES))
        if percent:
            bases = [each.cell(key, "denominator") for key in keys]
            rows.append((f"{measure.title}: out of how many", *bases, words.NO_NOTES))
    notes = [ORDER, f"Figures are as partners gave them for the {words.period('quarter', period)}."]
    if any(measure.sensitive for measure in measures):
        notes.append(f"{', '.join(measure.title for measure in measures if measure.sensitive)}. {SENSITIVE}")
    if percent:
        notes.append(f"{WITHHELD}; out of fewer than {NOT_MANY} it is marked.")
    notes.append("The force has a figure where every partner gave one.")
    return Sheet(
        name,
        f"What partners returned{', in percent' if percent else ''}: {words.period('quarter', period)}",
        tuple(notes),
        Table(
            name,
            (
                Column("Measure", "text"),
                *(Column(_name(material, code, own), "number", 1 if percent else 0) for code in codes),
                Column("Notes", "text"),
            ),
            tuple(rows),
        ),
    )


def _absent(item: str, returned: list[Returned]) -> dict[str, str]:
    """Why an item has no figure, by the code of the area that gave none."""
    reasons = {}
    for each in returned:
        row = each.items.get(item)
        if each.came is None:
            reasons[each.area_code] = "not returned"
        elif row is None:
            reasons[each.area_code] = "to be put right"
        elif row["missing_reason"]:
            reasons[each.area_code] = _reason(row).lower()
    return reasons


def _reason(row: dict[str, Any]) -> str:
    return form.REASONS.get(row["missing_reason"], "Left blank")


def _own(material: Material, choice: Choice, own: Returned) -> Sheet:
    """Each item as it was read, shown as in any open pack; where the police count it too, theirs and the difference."""
    feed = material.declarations.feeds[own.feed]
    measures = {_item(material, each).item: each for each in choice.returned}
    rows: list[tuple[Cell | str, ...]] = []
    for item in feed.form.items if feed.form else ():
        row, measure = own.items.get(item.item), measures.get(item.item)
        numbers: list[Cell | str] = ["[z]"] * 4
        said = (row["narrative"] or "") if row else ""
        if item.unit != "text":
            numbers[0] = "[x]"
        if row is None:
            state = "To be put right, as the answer to the return says. It counts nowhere until then."
            said = said if item.unit != "text" else "[x]"
        elif row["missing_reason"]:
            state = _reason(row) + "."
            numbers[0] = "[z]" if row["missing_reason"] == form.NOT_APPLICABLE else numbers[0]
        elif measure is None or item.unit == "text":
            state = "Taken."
        elif measure.sensitive:
            numbers[0], numbers[1] = "[c]", "[c]" if item.unit == "percent" else "[z]"
            state = "Taken. The figure is sensitive: it stands in the receipt of your return, and not here."
        else:
            state = "Taken."
            key = _key(material, measure, own.area_code, own.period)
            if item.unit == "percent":
                parts = ("numerator", "denominator")
                numbers[:2] = (figure(material, measure, key, part, withheld=True) for part in parts)
            else:
                numbers[0] = _part(material, key, "value")
            if item.quotes:
                numbers[2:], state = _held_against(material, item.quotes, key)
        rows.append((f"{item.priority} {item.title}", *numbers, state, said or "[z]"))
    return Sheet(
        "own_return",
        f"Your return as it was read: {material.area_names[own.area_code]}, {words.period('quarter', own.period)}",
        ("Where the police count the same, their figure is the one that is used in every pack.",),
        Table(
            "own_return",
            (
                Column("Item", "text", width=44),
                Column("Figure, or part (count)", "number"),
                Column("Out of (count)", "number"),
                Column("By the police (count)", "number"),
                Column("Difference (count)", "number"),
                Column("How it was taken", "text", width=40),
                Column("What was done", "text", width=60),
            ),
            tuple(rows),
        ),
    )


def _assessment(material: Material, own: Returned) -> Sheet:
    """What a board says of the priorities in its area, in its own words and without a number."""
    titles = {
        priority.priority: priority.title
        for theme in material.declarations.plan.themes
        for priority in theme.priorities
        if priority.in_force(material.month)
    }
    rows = []
    for item, row in own.items.items():
        if row["narrative"]:
            priority = item.partition("_")[0].upper()
            label = f"{priority} {titles.get(priority, '')}".strip()
            rows.append((label, row["narrative"], row["assurance_level"] or "not said"))
    return Sheet(
        "assessment",
        f"In the board's words: {material.area_names[own.area_code]}, {words.period('quarter', own.period)}",
        ("The board supplies assessment and narrative; what it counts stands on a sheet of its own.", ASSURANCE),
        Table(
            "assessment",
            (
                Column("Priority", "text", width=36),
                Column("What the board says", "text", width=70),
                Column("Assurance, as the board puts it", "text"),
            ),
            tuple(rows) or (("Nothing was said", "[x]", "[x]"),),
        ),
    )


def _held_against(material: Material, quoted: str, key: Key) -> tuple[list[Cell | str], str]:
    """The police's own count of what a partner quotes, the difference, and what is said of it."""
    theirs = Key(quoted, "quarter", key.area_code, key.period)
    fact = material.facts.get(theirs)
    given = material.fact(key).value
    if fact is None or fact.value is None or given is None:
        return ["[x]", "[x]"], "Taken. The police's own figure is not available."
    difference = given - fact.value
    of = {"measure": key.measure, "from": quoted, "area": key.area_code, "period": key.period}
    cell = Cell(int(difference), Passport("derived", canonical({"formula": "difference", **of})))
    state = "Taken. It agrees with the police's." if difference == 0 else "Noted. The police's figure is used."
    return [_part(material, theirs, "value"), cell], state


def _of_area(each: MeasureSheet, code: str, of: str, decimals: int) -> Cell | str:
    key = Key(f"{each.measure.measure}{'_rate' if of == 'rate' else ''}", "r12", code, each.latest)
    if each.measure.first_month and first_of(key) < each.measure.first_month:
        return "[z]"
    return _part(each.material, key, "value", decimals) if key in each.material.facts else "[x]"


def _part(material: Material, key: Key, part: str, decimals: int = 0) -> Cell | str:
    number = getattr(material.fact(key), part)
    return "[x]" if number is None else Cell(rounded(number, decimals), passport(material, key, part, decimals))


def _key(material: Material, measure: Measure, code: str, period: str) -> Key:
    basis = "quarter" if _item(material, measure).basis == "discrete" else "reported"
    return Key(measure.measure, basis, code, period)


def _item(material: Material, measure: Measure) -> FormItem:
    (item,) = material.declarations.feeds[measure.feed].items_of(measure)
    return item


def _in_order(material: Material, feed: str) -> list[str]:
    declared = material.declarations.feeds[feed]
    return in_order(material, iter(declared.districts or [area.code for area in declared.areas]))


def _name(material: Material, code: str, own: str | None) -> str:
    return material.label(code) + (" - own area" if code == own else "")
