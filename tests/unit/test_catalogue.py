"""The page of checks is what the suites and the register say, and no check of the register is forgotten."""

import json

from monthend.plan.declarations import ROOT, Declarations
from monthend.validate import catalogue


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / catalogue.PAGE).read_text(encoding="utf-8") == catalogue.page(), "run make checks"


def test_every_check_is_made_for_each_of_its_feeds_or_left_out_with_a_reason() -> None:
    elsewhere = catalogue.elsewhere()
    made = {check for each in elsewhere.made_by for check in each.checks}
    left_out = {check: set(each.feeds) for each in elsewhere.left_out for check in each.checks}
    suites: dict[str, set[str]] = {feed: set() for feed in Declarations(ROOT).feeds}
    for path in (ROOT / "expectations").glob("*.json"):
        for each in json.loads(path.read_text(encoding="utf-8"))["expectations"]:
            suites[each["meta"].get("feed", path.stem)].add(each["meta"]["check_id"])
    forgotten, twice = [], []
    for check, row in catalogue.register().items():
        feeds = set(elsewhere.feeds.get(row["feed"], ()))
        in_suite = {feed for feed in feeds if check in suites[feed]}
        without = left_out.get(check, set()) or (feeds if check in left_out else set())
        everywhere = in_suite | without == feeds if feeds else check in left_out
        if row["feed"] in elsewhere.feeds and check not in made and not everywhere:
            forgotten.append(check)
        if check in left_out and (in_suite & without or check in made):
            twice.append(check)
    assert (forgotten, twice) == ([], [])


def test_what_is_declared_beside_the_suites_is_there() -> None:
    register, elsewhere = catalogue.register(), catalogue.elsewhere()
    assert {row["feed"] for row in register.values()} > set(elsewhere.feeds)
    named = [check for each in (*elsewhere.made_by, *elsewhere.left_out) for check in each.checks]
    assert set(named) <= set(register)
    assert len(named) == len(set(named))
    code = {
        check: (ROOT / each.code).read_text(encoding="utf-8") for each in elsewhere.made_by for check in each.checks
    }
    assert [check for check in code if check in ("G02", "G03", "G05", "G08", "G12", "G13", "K05", "O11")] == [
        check for check in code if f'"{check}"' in code[check]
    ]
