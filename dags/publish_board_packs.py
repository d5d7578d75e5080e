"""Publish the board packs.

- **When:** at once for each month that is frozen (`month_end_snapshot`, the month as partition key).
- **Takes:** the snapshot, the boards' declarations and calendars, and a releaser's answer.
- **Leaves:** the workbooks under the home's `packs/`, with their registers; what was released, by e-mail to each
  recipient, at most once, and the ledger of it.

**publish** builds every pack that the month serves, one task a board and rendering. **parity** holds them against each
other; a disagreement stops all. **release** asks a releaser, who is not the steward who signed the month off.
**deliver** sends what was released. **notice** tells each person of the office in one e-mail how it ended.

Answers: `release` (`hold` names packs that are kept back, by id, separated by commas) · `refuse` (with `reason`). A
pack that could not be built is held alone: the others go on, and `every_pack_is_built` fails the run. The same month
again releases and sends nothing twice.

**If it fails:** clear what failed and what follows it; what was sent is not sent again. Runbooks:
[mail refused](/desk/runbooks/mail-refused), [month-end](/desk/runbooks/month-end).

Params: `on`, the business date (where it is empty that of the event, else today) · `month`, for a run without a
partition key · `response_minutes`, the time to answer in place of two days.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param, PartitionedAssetTimetable, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from monthend_airflow.assets import month_end_snapshot
from monthend_airflow.notices import tell
from monthend_airflow.office import business_date, flow, mail_server, month_of, open_office
from monthend_airflow.operator import Answer, AnswerOperator, Shown

if TYPE_CHECKING:
    from monthend.office import Office


def show_packs(office: "Office", month: str) -> Shown:
    """Read which packs of the month wait to be released."""
    from monthend.publish.release import release_request

    request = release_request(office, month)
    if not request.pack_ids:
        raise AirflowSkipException(f"No pack of {month} waits to be released.")
    return Shown(request.shown, request.shown_sha256)


def store_release(office: "Office", answer: Answer) -> None:
    """Store the releaser's answer to the packs."""
    from monthend.publish.release import release

    release(
        office,
        answer.about,
        answer.chosen,
        answer.by,
        answer.shown_sha256,
        "airflow",
        reason=answer.words("reason"),
        hold=answer.listed("hold"),
    )


def releasers(office: "Office", month: str) -> Iterable[str]:
    """Read who is asked."""
    from monthend.deliver import round_up

    return round_up.releasers(office, month)


with DAG(
    "publish_board_packs",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=month_end_snapshot),
    **flow(
        "publish",
        "deliver",
        month=Param(None, type=["null", "string"], description="YYYY-MM, for a run without a partition key"),
        response_minutes=Param(None, type=["null", "number"], description="Time to answer; two days if empty"),
    ),
):

    @task
    def packs() -> list[dict]:
        """List the packs that this month serves."""
        from monthend.publish.packs import packs_served

        context = get_current_context()
        with open_office() as office:
            served = packs_served(office, month_of(context), on=business_date(context))
        named = {(pack.board.board, pack.rendering.rendering) for pack in served}
        return [{"board": board, "rendering": rendering} for board, rendering in sorted(named)]

    @task(map_index_template="{{ label }}")
    def publish(pack: dict) -> list[int]:
        """Build one board's workbook from the snapshot, for each meeting that the month serves."""
        from monthend.publish.packs import publish

        context = get_current_context()
        context["label"] = f"{pack['board']} {pack['rendering']}"
        with open_office() as office:
            builds, failed = publish(
                office, month_of(context), pack["board"], pack["rendering"], on=business_date(context)
            )
        if failed:
            raise AirflowFailException("\n".join(failed))
        return [build.build_id for build in builds]

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def every_pack_is_built() -> None:
        """Fail the run where a pack is not there, whatever became of its task."""
        from monthend.audit import unbuilt

        context = get_current_context()
        month = month_of(context)
        with open_office() as office:
            names = unbuilt(office, month, business_date(context))
        if names:
            raise AirflowFailException(f"Not built, and so not sent, for {month}: {', '.join(names)}.")

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    def parity() -> str:
        """Hold the packs against each other, and give the month to be released."""
        from monthend.publish.packs import parity

        month = month_of(get_current_context())
        with open_office() as office:
            parity(office, month)
        return month

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def deliver() -> None:
        """Send what is released to whom it was not sent yet."""
        from monthend.deliver import deliver, settings_from_environment
        from monthend.freeze.chain import snapshot

        month = month_of(get_current_context())
        with open_office() as office:
            deliver(office, snapshot(office, month).position, settings_from_environment(mail_server()))

    @task
    def notice(packs: list[dict] | None) -> None:
        """Tell each person in one e-mail how it ended."""
        tell(get_current_context(), "publish", [f"{pack['board']} {pack['rendering']}" for pack in packs or []])

    listed = packs()
    built = publish.expand(pack=listed)
    whole = every_pack_is_built()
    agreed = parity()
    release = AnswerOperator(
        task_id="release",
        subject="Release the packs of {{ partition_key or params.month }}",
        about=agreed,
        show=show_packs,
        store=store_release,
        people=releasers,
        options=["release", "refuse"],
        params={
            "reason": Param(None, type=["null", "string"], description="Needed to refuse"),
            "hold": Param(None, type=["null", "string"], description="Packs to keep back: ids, separated by commas"),
        },
        response_timeout=timedelta(days=2),
    )
    sent = deliver()
    built >> [whole, agreed]
    release >> sent
    [whole, sent] >> notice(listed).as_teardown()  # whatever becomes of it, the run's state is that of the others
