"""Pull the partners' returns.

- **When:** every working day at 07:30 (London) from a quarter's end until all of it is in; on a bank holiday it does
  nothing. A quarter goes by its last month: `2017-06` is April to June 2017.
- **Takes:** what lies in the inbox (`MONTHEND_INBOX`), or where a feed's declaration says (`fetched_from`), of each
  partner's return that is due and not in, and what came anew; and deliveries that a waiver lets in.
- **Leaves:** receipts, verdicts with a report a delivery, loaded rows.

Each return is a pull, named by its area in the grid, and goes through **receive**, **validate** and **load**. *Skipped*
means that nothing of it is there yet, *failed* that a file was refused or blocked, which needs a person; so does a pull
*from* a connection: its feed could not be fetched. A period stays due until it is in, also after its month was frozen
without it: what comes later stands in the next month-end. **notice** tells each person in one e-mail what came, what
did not, and what needs them; where nothing came and nothing is near or past its day, nobody is written to. It answers
each return that came: with its own workbook, each faulty cell commented, or with what was read of it.

**If it fails:** the rest is loaded all the same. Ask for the file again and put it into the inbox, or let two people
waive the check; the next pull takes it. Runbooks: [failed check](/desk/runbooks/failed-check),
[wrong file](/desk/runbooks/wrong-file), [late feed](/desk/runbooks/late-feed).

Params: `on`, the business date (today where it is empty).
"""

from airflow.sdk import DAG, CronTriggerTimetable

from monthend_airflow.office import flow
from monthend_airflow.pull import pull_feeds

with DAG(
    "pull_partner_quarterly",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 7 * * 1-5", timezone="Europe/London"),
    max_active_runs=1,
    **flow("receive", "validate", "load"),
):
    pull_feeds("partner")
