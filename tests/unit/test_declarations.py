"""Declarations: what is wrong is refused with file, line and field."""

from pathlib import Path

import pytest

from monthend.errors import WrongCall
from monthend.plan.declarations import ROOT, Declarations, sha256

STREET = "include/feeds/police_uk_street.yaml"
BURGLARY = "reports/measures/open_burglary.yaml"
SHARED, ALSO = "reports/measures/domestic_abuse_crimes.yaml", "reports/measures/outcomes_recorded.yaml"
CRIME = "include/feeds/police_crime.yaml"
DELIVERED, MANAGED = "reports/measures/savings_delivered.yaml", "reports/measures/iom_offenders.yaml"
FAMILIES = "include/feeds/troubled_families.yaml"
PDG = "reports/boards/pdg.yaml"
PLAN = "reports/plan/plan.yaml"
PEOPLE = "reports/people.yaml"


def changed(root: Path, name: str, old: str, new: str) -> int:
    """Change a declaration, and give the line where the new text stands."""
    path = root / name
    source = path.read_text(encoding="utf-8")
    assert source.count(old) >= 1, f"{name} says no {old!r}"
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    return source[: source.index(old)].count("\n") + 1


def fault(root: Path, part: str) -> str:
    """The error of reading a part of the declarations."""
    with pytest.raises(WrongCall) as error:
        getattr(Declarations(root), part)
    assert error.value.exit_code == 2
    return str(error.value)


def test_what_the_project_declares_is_whole() -> None:
    declared = Declarations(ROOT)
    assert {"areas", "lsoa_exact_fit", "police_uk_street", "residents"} <= declared.feeds.keys()
    assert {"open_all_crime", "open_anti_social_behaviour", "open_burglary"} <= declared.measures.keys()
    assert {"pdg", "panel"} <= declared.boards.keys()
    assert declared.plan.home_force == "E23000021"
    assert declared.glossary.terms
    for feed in declared.feeds.values():
        assert declared.suite(feed).is_file()
        assert feed.owner
        assert feed.description
    assert len(declared.feeds["police_uk_street"].areas) == 8
    assert len(declared.feeds["police_uk_street"].districts) == 9


@pytest.mark.parametrize(
    ("part", "name", "old", "new", "field", "what"),
    [
        ("feeds", STREET, "lag_months: 2", "lag_months: two", "lag_months", "Input should be a valid integer"),
        (
            "feeds",
            STREET,
            "lag_months: 2",
            "lag_months: -1",
            "lag_months",
            "Input should be greater than or equal to 0",
        ),
        ("feeds", STREET, "cadence: monthly", "cadence: hourly", "cadence", "Input should be 'monthly'"),
        ("feeds", STREET, "in_force_from: 2013-05", "in_force_from: 2013-13", "in_force_from", "String should match"),
        (
            "feeds",
            STREET,
            "suite: police_uk_street",
            "suites: police_uk_street",
            "suites",
            "Extra inputs are not permit",
        ),
        ("feeds", STREET, "{code: E23000026, ", "{code: E230, ", "areas.0.code", "String should match pattern"),
        (
            "feeds",
            STREET,
            "required: true}",
            "required: perhaps}",
            "columns.1.required",
            "Input should be a valid bool",
        ),
        ("measures", BURGLARY, "polarity: down_good", "polarity: good", "polarity", "Input should be 'down_good'"),
        ("measures", BURGLARY, "{per: 1000,", "{per: 0,", "rate.per", "Input should be greater than 0"),
        (
            "boards",
            PDG,
            "  - {rendering: board,",
            "  - {rendering: bored,",
            "renderings.0.rendering",
            "Input should be",
        ),
        (
            "feeds",
            FAMILIES,
            "since: 2012-04",
            "since: 2012-04, whole_year: true",
            "spans.programme",
            "Value error, whole_year: only what goes since april goes on to March",
        ),
        ("people", PEOPLE, "roles: [steward]", "roles: [boss]", "people.0.roles.0", "Input should be 'steward'"),
    ],
)
def test_a_fault_is_named_by_file_line_and_field(
    declarations: Path, part: str, name: str, old: str, new: str, field: str, what: str
) -> None:
    line = changed(declarations, name, old, new)
    sentences = fault(declarations, part).splitlines()
    assert any(sentence.startswith(f"{declarations / name}:{line}: {field}: {what}") for sentence in sentences)


@pytest.mark.parametrize("field", ["title", "description", "owner", "contact", "columns", "suite", "feed"])
def test_a_field_that_must_be_there_is_named(declarations: Path, field: str) -> None:
    changed(declarations, STREET, f"\n{field}:" if field != "feed" else "feed:", f"\n{field}_gone:")
    assert f"{declarations / STREET}:1: {field}: Field required" in fault(declarations, "feeds").splitlines()


def test_every_fault_of_a_file_is_named(declarations: Path) -> None:
    lines = [
        changed(declarations, STREET, "lag_months: 2", "lag_months: two"),
        changed(declarations, STREET, "retention_months: 36", "retention_months: 0"),
    ]
    assert [line.split(": ")[0] for line in fault(declarations, "feeds").splitlines()] == [
        f"{declarations / STREET}:{line}" for line in lines
    ]


def test_what_is_not_yaml_is_named(declarations: Path) -> None:
    (declarations / STREET).write_text("feed: [", encoding="utf-8")
    assert fault(declarations, "feeds").startswith(f"{declarations / STREET}: is not YAML: ")


def test_an_empty_file_is_named(declarations: Path) -> None:
    (declarations / STREET).write_text("", encoding="utf-8")
    assert fault(declarations, "feeds").startswith(
        f"{declarations / STREET}:1: whole file: Input should be a valid dict"
    )


def test_a_monthly_feed_says_when_and_for_whom_it_is_due(declarations: Path) -> None:
    changed(declarations, STREET, "due_working_day: 3\n", "")
    assert fault(declarations, "feeds") == (
        f"{declarations / STREET}:1: whole file: "
        "Value error, a monthly feed needs due_working_day, in_force_from and areas"
    )


def test_a_feeds_key_names_its_columns(declarations: Path) -> None:
    keys = {feed.feed: feed.key for feed in Declarations(declarations).feeds.values()}
    assert keys == {
        "areas": ("area_code",),
        "csp_return": ("csp_code", "item_code"),
        "da_partnership": ("area", "period"),
        "events": ("event",),
        "lsoa_exact_fit": ("lsoa_2011", "lsoa_2021"),
        "mental_health": ("period", "source"),
        "missing_person": ("report_ref",),
        "msg_comparator": ("force_code", "offence_key", "month"),
        "narrative": ("sp", "board"),
        "offence_codes": ("code", "valid_from"),
        "outcome_types": ("outcome_type",),
        "police_cancelled": ("crime_ref", "action", "decided_at"),
        "police_crime": ("crime_ref",),
        "police_incident": ("incident_ref",),
        "police_outcome": ("crime_ref", "outcome_type", "outcome_at"),
        "police_uk_outcomes": ("crime_id",),
        "police_uk_street": ("crime_id",),
        "probation_iom": ("area", "period"),
        "residents": ("area_code", "as_at"),
        "safeguarding_adults": ("area", "item_code"),
        "safeguarding_children": ("area", "item_code"),
        "savings": ("scheme_id", "year"),
        "substance_misuse": ("area", "period", "substance"),
        "survey_confidence": ("wave", "question_id", "csp_code"),
        "survey_victim": ("respondent_id", "wave"),
        "troubled_families": ("authority", "period"),
        "yos_return": ("yos", "period"),
    }
    changed(declarations, STREET, "key: [crime_id]", "key: [crime_id, crime, area]")
    assert fault(declarations, "feeds") == (
        f"{declarations / STREET}:1: whole file: Value error, key: there is no column area, crime"
    )


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("load: keyed\n", "", "a keyed feed, and no other, has a window, and it has a key"),
        ("key: [crime_ref]\n", "", "a keyed feed, and no other, has a window, and it has a key"),
        (
            "cadence: monthly",
            "cadence: reference\nfetched_from: {kind: sftp, connection: force, path: /out}",
            "fetched_from: a reference feed is delivered, not fetched",
        ),
        ("column: recorded_at, months", "column: recorded, months", "window: there is no column recorded"),
    ],
)
def test_a_keyed_feed_says_what_an_extract_holds_whole(declarations: Path, old: str, new: str, what: str) -> None:
    changed(declarations, CRIME, old, new)
    assert fault(declarations, "feeds") == f"{declarations / CRIME}:1: whole file: Value error, {what}"


def test_a_file_is_named_as_what_it_declares(declarations: Path) -> None:
    (declarations / STREET).rename(declarations / "include/feeds/street.yaml")
    assert fault(declarations, "feeds") == (
        f"{declarations}/include/feeds/street.yaml: feed: is police_uk_street, but the file is named street."
    )


@pytest.mark.parametrize(
    ("part", "name", "old", "new", "what"),
    [
        (
            "measures",
            BURGLARY,
            "feed: police_uk_street",
            "feed: police_street",
            "feed: there is no feed police_street.",
        ),
        ("measures", SHARED, "of: all_crime", "of: every_crime", "share: there is no measure every_crime."),
        (
            "measures",
            ALSO,
            "reads: [police_outcome]",
            "reads: [police_outcomes]",
            "reads: there is no feed police_outcomes.",
        ),
        ("measures", DELIVERED, ": savings_required", ": required", "requirement: there is no measure required."),
        (
            "measures",
            MANAGED,
            "{period}",
            "{quarter}",
            "covers: the feed probation_iom has no span quarter.",
        ),
        ("boards", PDG, "- open_burglary", "- open_burglery", "measures: there is no measure open_burglery."),
        ("plan", PLAN, "open_burglary", "open_burglery", "there is no measure open_burglery."),
    ],
)
def test_what_refers_to_nothing_is_named(
    declarations: Path, part: str, name: str, old: str, new: str, what: str
) -> None:
    changed(declarations, name, old, new)
    assert fault(declarations, part) == f"{declarations / name}: {what}"


def test_a_measure_without_its_select_is_named(declarations: Path) -> None:
    changed(declarations, BURGLARY, "select: open_street", "select: open_streets")
    assert fault(declarations, "measures") == (
        f"{declarations / BURGLARY}: select: there is no {declarations}/include/sql/measures/open_streets.sql."
    )


def test_a_recipient_outside_the_allowed_domains_is_refused(declarations: Path) -> None:
    changed(declarations, PDG, "chair.pdg@opcc.example", "chair.pdg@mail.example")
    assert fault(declarations, "boards") == (
        f"{declarations / PDG}:1: whole file: "
        "Value error, the domain of chair.pdg@mail.example is not among allowed_domains"
    )


def test_a_directory_without_declarations_says_what_is_expected(tmp_path: Path) -> None:
    assert fault(tmp_path, "feeds") == (
        f"{tmp_path}/include/feeds: no feed is declared here. "
        "--declarations takes a directory laid out as the project is."
    )
    assert fault(tmp_path, "people") == f"{tmp_path}/reports/people.yaml: there is no such declaration."


def test_a_person_is_found_by_user_and_by_display_name() -> None:
    declared = Declarations(ROOT)
    assert declared.person("a.steward") == declared.person("A. Steward")
    assert [(p.user, p.roles) for p in declared.people.people] == [
        ("a.steward", ("steward",)),
        ("b.releaser", ("releaser",)),
        ("c.registrar", ("registrar",)),
        ("d.analyst", ("analyst",)),
    ]
    assert declared.person("A. STEWARD") is None
    assert declared.person("") is None


def test_a_name_is_one_persons_only(declarations: Path) -> None:
    changed(declarations, PEOPLE, "display_name: D. Analyst", "display_name: a.steward")
    with pytest.raises(WrongCall, match=r"a\.steward names more than one person, by user or display name"):
        Declarations(declarations).person("a.steward")


def test_every_declaration_that_decides_facts_or_packs_is_hashed(declarations: Path) -> None:
    before = Declarations(declarations).hashes()
    assert {STREET, BURGLARY, PDG, PLAN, PEOPLE, "expectations/areas.json", "include/sql/measures/open_street.sql"} <= (
        before.keys()
    )
    assert before == {name: sha256(declarations / name) for name in before}
    changed(declarations, BURGLARY, "title: Burglary", "title: Burglaries")
    after = Declarations(declarations).hashes()
    assert {name for name in before if before[name] != after[name]} == {BURGLARY}


@pytest.mark.parametrize(
    ("period", "in_force"), [("2013-04", False), ("2013-05", True), ("2025-03", True), ("2026-01", False)]
)
def test_a_feed_is_in_force_between_its_months(period: str, in_force: bool) -> None:
    feed = Declarations(ROOT).feeds["police_uk_street"].model_copy(update={"in_force_to": "2025-12"})
    assert feed.in_force(period) is in_force


def test_a_feed_and_its_measures_say_the_same_of_a_break(declarations: Path) -> None:
    declared = Declarations(declarations)
    (of_feed,) = declared.feeds["police_outcome"].breaks
    assert of_feed.from_month == "2014-04"
    assert {each.breaks for each in declared.measures.values() if each.feed == "police_outcome" and each.breaks} == {
        (of_feed,)
    }
