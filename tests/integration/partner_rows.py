"""Rows that partners send, without fault, and what is changed in them for each check of their suites to fail."""

Row = dict[str, str]
Change = dict[int, Row | None]  # by row number; None leaves it out
Found = dict[tuple[str, str], list[int]]  # by check and part, the numbers of the rows that fail it
PERIOD = "2017-06"
GROUPS = ("burglary", "vehicle", "violent", "hate", "asb", "da")
QUESTIONS = ("q_contact", "q_actions", "q_followup", "q_treatment", "q_whole")
TEXT = "The board met, heard what its partners did, and asked for more."
PERSONAL = "someone@example.org"


def of_row(row: int, column: str, value: str, *checks: tuple[str, str]) -> tuple[Change, Found]:
    return {row: {column: value}}, {check: [row] for check in checks}


def respondent(number: int, group: str, **others: str) -> Row:
    return {
        "respondent_id": f"r{number:08x}", "wave": PERIOD, "incident_month": "2017-04", "interview_date": "2017-06-20",
        "victim_group": group, **dict.fromkeys(QUESTIONS, "6"), "csp_code": "E06000016", "weight": "0.9",
        "disposition": "completed",
    } | others  # fmt: skip


def confidence(csp_code: str, base: str) -> Row:
    return {
        "wave": PERIOD, "question_id": "confidence", "question_text": "Do you have confidence in the police?",
        "base_unweighted": base, "value": "71.4", "design_effect": "1.3", "csp_code": csp_code,
    }  # fmt: skip


def scheme(key: str, required: int, identified: int, delivered: int, marked: str = "Y") -> Row:
    return {
        "scheme_id": key, "year": "2017/18", "required": str(required), "identified": str(identified),
        "delivered": str(delivered), "recurring": marked, "cashable": marked, "as_at": "2017-06-30",
    }  # fmt: skip


def item(key: str, value: str = "", assurance: str = "") -> Row:
    words = TEXT if key.endswith("assessment") else ""
    return {
        "area": "Leicester", "item_code": key, "period": PERIOD, "value": value, "narrative": words,
        "assurance_level": assurance,
    }  # fmt: skip


def words(priority: str, board: str, measure: str = "") -> Row:
    return {
        "period": PERIOD, "sp": priority, "measure": measure, "board": board, "text": TEXT,
        "author_role": "Head of performance", "written_on": "2017-07-04",
    }  # fmt: skip


def missing(columns: tuple[str, ...], row: int, check: str = "G10") -> list[tuple[Change, Found]]:
    return [of_row(row, column, "", (check, f"{column} given")) for column in columns]


def unreadable(columns: tuple[str, ...], row: int) -> list[tuple[Change, Found]]:
    return [of_row(row, column, "1,204", ("G03", column)) for column in columns]


def period(column: str) -> list[tuple[Change, Found]]:
    return [
        of_row(1, column, "June 2017", ("G04", column), ("G06", "")),
        of_row(1, column, "2017-05", ("G06", "")),
    ]


CLEAN: dict[str, list[Row]] = {
    "yos_return": [
        {
            "yos": "Leicester", "period": PERIOD, "fte_count": "312", "pop_10_17": "91234", "pop_year": "2015",
            "fte_rate": "341.98", "cohort_start": "2015-10-01", "cohort_end": "2015-12-31",
            "followup_end": "2016-12-31", "cohort_n": "120", "reoffenders": "41", "reoffences": "130",
        }
    ],
    "probation_iom": [
        {
            "area": "Leicestershire Police", "period": PERIOD, "cohort_id": "IOM-2014-04", "cohort_n": "210",
            "entrants": "60", "leavers": "50", "baseline_offences": "1300", "period_offences": "600",
            "months_at_liberty": "2000",
        }
    ],
    "substance_misuse": [
        {
            "area": "Leicester", "period": PERIOD, "substance": substance, "window_start": "2016-01-01",
            "window_end": "2016-12-31", "in_treatment": "900", "completed": "100", "re_presented": "12",
        }
        for substance in ("opiate", "non-opiate", "alcohol")
    ],
    "troubled_families": [
        {
            "authority": "Leicester", "period": PERIOD, "identified": "900", "engaged": "700",
            "outcome_crime_asb": "300", "outcome_education": "250", "outcome_work": "90",
        }
    ],
    "da_partnership": [
        {
            "area": "Leicester", "period": PERIOD, "cases": "600", "repeats": "150", "children": "800",
            "adult_women_pop": "150000",
        }
    ],
    "survey_victim": [respondent(place, group) for place, group in enumerate(GROUPS, start=1)]
    + [respondent(7, "asb", disposition="refused", interview_date="", weight="", **dict.fromkeys(QUESTIONS, ""))],
    "survey_confidence": [confidence("", "1000"), confidence("E06000016", "300"), confidence("E06000017", "80")],
    "savings": [
        scheme("S01", 3_000_000, 3_100_000, 700_000),
        scheme("S02", 1_000_000, 800_000, 100_000, "N"),
        scheme("ALL", 4_000_000, 3_900_000, 800_000, ""),
    ],
    "safeguarding_children": [
        item("sp15_assessment", assurance="substantial"), item("sp16_assessment"), item("sp16_referrals", "34"),
        item("sp17_assessment"), item("sp5_assessment"), item("sp5_notifications", "410"),
    ],
    "safeguarding_adults": [
        item("sp15_assessment", assurance="partial"), item("sp16_assessment"), item("sp16_concerns", "60"),
        item("sp17_assessment"), item("sp5_assessment"), item("sp5_concerns", "41"),
    ],
    "narrative": [words("SP6", "pdg"), words("SP15", "pdg"), words("SP7", "pdg", "hate_crimes")],
}  # fmt: skip

YOS = ("fte_count", "pop_10_17", "cohort_n", "reoffenders", "reoffences")
COHORT = ("cohort_start", "cohort_end", "followup_end")
IOM = ("cohort_n", "entrants", "leavers", "baseline_offences", "period_offences", "months_at_liberty")
FAMILIES = ("identified", "engaged", "outcome_crime_asb", "outcome_education", "outcome_work")
AMOUNTS = ("required", "identified", "delivered")


def safeguarding(counted: str) -> list[tuple[Change, Found]]:
    return [
        ({}, {}),
        *missing(("area", "period"), 1),
        of_row(3, "item_code", "", ("G10", "item_code given")),
        *period("period"),
        ({3: {"item_code": "sp16_assessment", "value": "", "narrative": TEXT}}, {("G07", ""): [2, 3]}),
        of_row(2, "area", "Kent Police", ("G11", "")),
        of_row(2, "narrative", f"Ask {PERSONAL}", ("G09", "narrative")),
        of_row(3, "item_code", "Jo Bloggs", ("B01", "item")),
        of_row(3, "value", "12.5", ("B01", "value")),
        of_row(3, "value", ""),
        of_row(2, "narrative", "", ("B01", "words")),
        of_row(2, "assurance_level", "good", ("B01", "assurance")),
        of_row(2, "value", "4", ("B01", "no number")),
        of_row(1, "narrative", "There were 12 meetings.", ("K05", "no number")),
        of_row(2, "narrative", "There were 12 meetings."),
        of_row(3, "item_code", counted),
    ]


CASES: dict[str, list[tuple[Change, Found]]] = {
    "yos_return": [
        ({}, {}),
        *missing(("yos", "period", *YOS, "fte_rate"), 1),
        of_row(1, "fte_count", "1,204", ("G03", "fte_count")),
        of_row(1, "pop_10_17", "1,204", ("G03", "pop_10_17")),
        of_row(1, "cohort_n", "120.0", ("G03", "cohort_n")),
        of_row(1, "reoffenders", "n/a", ("G03", "reoffenders")),
        of_row(1, "reoffences", "n/a", ("G03", "reoffences")),
        of_row(1, "fte_rate", "-23.81%", ("G03", "fte_rate")),
        *period("period"),
        *(of_row(1, each, "31/12/2015", ("G04", each), ("Y02", each)) for each in COHORT),
        ({2: CLEAN["yos_return"][0]}, {("G07", ""): [1, 2]}),
        of_row(1, "yos", "Kent", ("G11", "")),
        of_row(1, "fte_rate", "342.04", ("Y01", "rate")),
        of_row(1, "fte_rate", "341.93"),
        of_row(1, "pop_year", "", ("Y01", "population year given")),
        of_row(1, "pop_year", "15", ("Y01", "population year")),
        *missing(COHORT, 1, "Y02"),
        of_row(1, "cohort_start", "2015-07-01", ("Y02", "cohort_start")),
        of_row(1, "cohort_end", "2016-03-31", ("Y02", "cohort_end")),
        of_row(1, "followup_end", "2017-06-30", ("Y02", "followup_end")),
        of_row(1, "reoffenders", "121", ("Y03", "within")),
        of_row(1, "reoffenders", "120"),
        of_row(1, "reoffences", "40", ("Y03", "reoffences")),
        of_row(1, "reoffences", "41"),
    ],
    "probation_iom": [
        ({}, {}),
        *missing(("area", "period", *IOM), 1),
        *unreadable(tuple(each for each in IOM if each not in ("cohort_n", "entrants")), 1),
        of_row(1, "cohort_n", "many", ("G03", "cohort_n")),
        of_row(1, "entrants", "few", ("G03", "entrants")),
        *period("period"),
        ({2: CLEAN["probation_iom"][0]}, {("G07", ""): [1, 2]}),
        of_row(1, "area", "Kent", ("G11", "")),
        of_row(1, "cohort_id", "", ("Y02", "cohort given")),
        of_row(1, "cohort_id", "the old one", ("Y02", "cohort")),
        of_row(1, "cohort_id", "IOM-2014"),
        of_row(1, "entrants", "211", ("Y03", "joined")),
        of_row(1, "months_at_liberty", "3121", ("Y03", "months at liberty")),
        of_row(1, "months_at_liberty", "3120"),
    ],
    "substance_misuse": [
        ({}, {}),
        *missing(("in_treatment", "completed", "re_presented"), 2),
        ({2: {"area": ""}}, {("G10", "area given"): [2], ("D01", "split"): [1, 3]}),
        ({2: {"period": ""}}, {("G10", "period given"): [2], ("D01", "split"): [1, 3]}),
        ({2: {"substance": ""}}, {("D01", "substance given"): [2], ("D01", "split"): [1, 3]}),
        *unreadable(("in_treatment", "completed", "re_presented"), 2),
        ({2: {"period": "2017-05"}}, {("G06", ""): [2], ("D01", "split"): [1, 2, 3]}),
        ({2: {"period": "June"}}, {("G04", "period"): [2], ("G06", ""): [2], ("D01", "split"): [1, 2, 3]}),
        *(of_row(2, each, "2016-02-30", ("G04", each), ("D01", each)) for each in ("window_start", "window_end")),
        ({2: CLEAN["substance_misuse"][0]}, {("G07", ""): [1, 2], ("D01", "split"): [1, 2, 3]}),
        ({2: {"area": "Kent"}}, {("G11", ""): [2], ("D01", "split"): [1, 2, 3]}),
        of_row(2, "completed", "901", ("D01", "completed")),
        of_row(2, "completed", "900"),
        of_row(2, "re_presented", "101", ("D01", "re-presented")),
        of_row(2, "re_presented", "100"),
        ({2: {"substance": "khat"}}, {("D01", "substance"): [2], ("D01", "split"): [1, 2, 3]}),
        ({2: None}, {("D01", "split"): [1, 2]}),
        *missing(("window_start", "window_end"), 2, "D01"),
        of_row(2, "window_start", "2016-04-01", ("D01", "window_start")),
        of_row(2, "window_end", "2017-03-31", ("D01", "window_end")),
    ],
    "troubled_families": [
        ({}, {}),
        *missing(("authority", "period", *FAMILIES), 1),
        *(of_row(1, each, "some", ("G03", each)) for each in FAMILIES),
        *period("period"),
        ({2: CLEAN["troubled_families"][0]}, {("G07", ""): [1, 2]}),
        of_row(1, "authority", "Kent", ("G11", "")),
        of_row(1, "engaged", "901", ("T01", "worked with")),
        of_row(1, "engaged", "900"),
        *(of_row(1, each, "701", ("T01", each)) for each in FAMILIES[2:]),
        *(of_row(1, each, "700") for each in FAMILIES[2:]),
    ],
    "da_partnership": [
        ({}, {}),
        *missing(("area", "period", "cases", "repeats", "children", "adult_women_pop"), 1),
        *(of_row(1, each, "NYA", ("G03", each)) for each in ("cases", "repeats", "children", "adult_women_pop")),
        *period("period"),
        ({2: CLEAN["da_partnership"][0]}, {("G07", ""): [1, 2]}),
        of_row(1, "area", "Kent", ("G11", "")),
        of_row(1, "repeats", "601", ("V01", "repeats")),
        of_row(1, "repeats", "600"),
        ({1: {"cases": "149", "repeats": "9"}}, {("V01", "plausible"): [1]}),
        ({1: {"cases": "150", "repeats": "9"}}, {}),
        of_row(1, "cases", "1801", ("V01", "plausible")),
        of_row(1, "cases", "1800"),
    ],
    "survey_victim": [
        ({}, {}),
        *missing(("respondent_id",), 7),
        of_row(7, "incident_month", "", ("G10", "incident_month given")),
        of_row(7, "victim_group", "", ("G10", "victim_group given")),
        ({5: {"wave": ""}}, {("G10", "wave given"): [5]}),
        (
            {5: {"disposition": ""}},
            {("G10", "disposition given"): [5], **{("S01", f"{each} not asked"): [5] for each in QUESTIONS}},
        ),
        *(of_row(1, "weight", weight, ("G03", "weight")) for weight in ("1,2", "0", "0.00")),
        of_row(1, "weight", "0.01"),
        of_row(7, "victim_group", "fraud", ("G03", "victim_group")),
        of_row(7, "disposition", "away", ("G03", "disposition")),
        of_row(7, "disposition", "no contact"),
        of_row(7, "incident_month", "April", ("G04", "incident_month")),
        ({7: {"wave": "June"}}, {("G04", "wave"): [7], ("G06", ""): [7], ("S03", ""): [7]}),
        of_row(1, "interview_date", "20/06/2017", ("G04", "interview_date"), ("G06", "interview")),
        ({7: {"wave": "2017-05"}}, {("G06", ""): [7], ("S03", ""): [7]}),
        of_row(1, "interview_date", "2017-05-31", ("G06", "interview")),
        ({7: {"respondent_id": "r00000001"}}, {("G07", ""): [1, 7]}),
        of_row(1, "respondent_id", "Jo Bloggs", ("G09", "respondent_id")),
        of_row(1, "csp_code", "E07000136", ("G11", "csp_code")),
        of_row(1, "csp_code", ""),
        *(of_row(1, each, answer, ("S01", each)) for each in QUESTIONS for answer in ("0", "8", "6.0")),
        of_row(1, "q_followup", ""),
        of_row(1, "q_whole", "", ("S01", "asked")),
        of_row(1, "interview_date", "", ("S01", "day")),
        of_row(1, "weight", "", ("S01", "weight")),
        *(of_row(7, each, "5", ("S01", f"{each} not asked")) for each in QUESTIONS),
        ({6: None}, {("S03", ""): [1, 2, 3, 4, 5, 6]}),
        of_row(1, "incident_month", "2017-06", ("S06", "in time")),
        of_row(1, "incident_month", "2017-02", ("S06", "in time")),
        of_row(1, "incident_month", "2017-05"),
        of_row(7, "disposition", "exempt", ("S07", "exempt")),
    ],
    "survey_confidence": [
        ({}, {}),
        *missing(("question_text", "base_unweighted", "value", "design_effect"), 2),
        of_row(2, "wave", "", ("G10", "wave given")),
        of_row(2, "question_id", "", ("G10", "question_id given")),
        of_row(2, "base_unweighted", "1,000", ("G03", "base_unweighted")),
        of_row(2, "question_id", "trust", ("G03", "question_id")),
        of_row(2, "wave", "Q1", ("G04", "wave"), ("G06", "")),
        of_row(2, "wave", "2017-03", ("G06", "")),
        ({3: {"csp_code": "E06000016"}}, {("G07", "district"): [2, 3]}),
        ({3: {"csp_code": ""}}, {("G07", "force"): [1, 3]}),
        ({each: {"question_text": f"Ask {PERSONAL}"} for each in (1, 2, 3)}, {("G09", "question_text"): [1, 2, 3]}),
        of_row(2, "csp_code", "E07000136", ("G11", "csp_code")),
        *(of_row(2, "value", value, ("S01", "value")) for value in ("100.1", "-1", "71.4%")),
        of_row(2, "value", "100"),
        of_row(2, "design_effect", "0.9", ("S01", "design_effect")),
        ({2: {"question_text": "Do you trust the police?"}}, {("S01", "question"): [1, 2, 3]}),
    ],
    "savings": [
        ({}, {}),
        (
            {2: {"scheme_id": ""}},
            {("G10", "scheme_id given"): [2], **{("F01", f"{each} in total"): [1, 3] for each in AMOUNTS}},
        ),
        (
            {2: {"year": ""}},
            {("G10", "year given"): [2], **{("F01", f"{each} in total"): [1, 3] for each in AMOUNTS}},
        ),
        *(({2: {each: ""}}, {("G10", f"{each} given"): [2], ("F01", f"{each} in total"): [1, 3]}) for each in AMOUNTS),
        of_row(2, "as_at", "", ("G10", "as_at given")),
        (
            {2: {"scheme_id": "cars"}},
            {("G03", "scheme_id"): [2]},
        ),
        (
            {2: {"year": "2017-18"}},
            {
                ("G03", "year"): [2],
                ("G06", "year"): [2],
                **{("F01", f"{each} in total"): [1, 2, 3] for each in AMOUNTS},
            },
        ),
        *(of_row(2, each, "yes", ("G03", each)) for each in ("recurring", "cashable")),
        of_row(2, "as_at", "30/06/2017", ("G04", "as_at"), ("G06", "")),
        of_row(2, "as_at", "2017-05-31", ("G06", "")),
        (
            {2: {"year": "2016/17"}},
            {("G06", "year"): [2], **{("F01", f"{each} in total"): [1, 2, 3] for each in AMOUNTS}},
        ),
        (
            {2: {"scheme_id": "S01"}},
            {("G07", ""): [1, 2]},
        ),
        *(
            ({2: {each: "1,000,000"}}, {("F01", f"{each} in pounds"): [2], ("F01", f"{each} in total"): [1, 2, 3]})
            for each in AMOUNTS
        ),
        *(({2: {each: "1000"}}, {("F01", f"{each} in total"): [1, 2, 3]}) for each in AMOUNTS),
        *(of_row(2, each, "", ("F01", f"{each} marked")) for each in ("recurring", "cashable")),
    ],
    "safeguarding_children": safeguarding("sp16_referrals"),
    "safeguarding_adults": safeguarding("sp16_concerns"),
    "narrative": [
        ({}, {}),
        *missing(("period", "text", "author_role", "written_on"), 3),
        of_row(3, "sp", "", ("G10", "sp given")),
        of_row(3, "board", "", ("G10", "board given")),
        of_row(3, "sp", "SP19", ("G03", "sp")),
        of_row(3, "board", "the board", ("G03", "board")),
        of_row(3, "measure", "every_crime", ("G03", "measure")),
        *period("period"),
        of_row(3, "written_on", "4 July", ("G04", "written_on"), ("G06", "written_on")),
        of_row(3, "written_on", "2017-07-05", ("G06", "written_on")),
        ({3: {"sp": "SP15", "measure": ""}}, {("G07", ""): [2, 3]}),
        *(of_row(3, each, PERSONAL, ("G09", each)) for each in ("text", "author_role")),
        *(of_row(row, "measure", "hate_crimes", ("K05", "no measure")) for row in (1, 2)),
        *(of_row(row, "text", "There were 12.", ("K05", "no number")) for row in (1, 2)),
        of_row(3, "text", "There were 12."),
    ],
}

# Of checks about a share: a clean row, what breaks it, and how many rows of how many may
SHARES: list[tuple[str, tuple[str, str], int, Row, int, int]] = [
    ("survey_victim", ("S05", "response"), 1, {"disposition": "refused"}, 60, 100),
]
