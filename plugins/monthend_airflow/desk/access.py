"""Who may what on the desk: what each route needs, as a dependency.

Nobody gets anything without Airflow's login. Who may read the DAG `freeze_month_end` in Airflow may see how a month
stands. All else asks for a role in `reports/people.yaml`, by the user name that Airflow knows.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials

from monthend.errors import MonthendError
from monthend_airflow.desk.office import the_office

if TYPE_CHECKING:
    from monthend.office import Office
    from monthend.plan.declarations import Person

logger = logging.getLogger(__name__)

ROLES = {  # what a route needs, beyond seeing: any of these roles
    "figures": {"steward", "registrar", "analyst", "releaser"},
    "rows": {"steward"},
    "acknowledge": {"steward", "registrar", "analyst"},
    "waive": {"steward", "registrar"},
    "sign": {"steward"},
    "release": {"releaser"},
}
_may_read = requires_access_dag("GET", param_dag_id="freeze_month_end")


@dataclass(frozen=True)
class Visitor:
    """Who asks: the user name in Airflow, the token they came with, who they are in the office."""

    name: str
    token: str = field(repr=False)
    office: "Office | None" = None
    person: "Person | None" = None

    def may(self, need: str) -> bool:
        """Whether the visitor's roles are enough for a need."""
        return self.person is not None and not ROLES[need].isdisjoint(self.person.roles)


async def logged_in(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> Any:
    """The user as Airflow knows them: by the bearer token, else by Airflow's cookie. Raises 401 for anybody else."""
    try:
        return await get_user(request, None, bearer)
    except HTTPException as error:  # a token that is not Airflow's own is 403 there; here it is no login
        raise HTTPException(401, "Log in to Airflow first.") from error


def visiting(
    request: Request,
    user: Annotated[Any, Depends(logged_in)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> Visitor:
    """Anybody who is logged in. There is nothing to see with this alone."""
    token = bearer.credentials if bearer else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    request.state.visitor = Visitor(user.get_name(), token)
    return request.state.visitor


def seeing(
    request: Request, user: Annotated[Any, Depends(logged_in)], visitor: Annotated[Visitor, Depends(visiting)]
) -> Visitor:
    """Who may read `freeze_month_end` in Airflow: how a month stands, in counts. No figure, no row."""
    try:
        _may_read(request, user)
    except HTTPException as error:
        words = "Your user may not read the DAG freeze_month_end in Airflow. An administrator of Airflow can allow it."
        raise HTTPException(403, words) from error
    office = the_office()
    try:
        person = office.declarations.user(visitor.name)
    except MonthendError as error:
        logger.error("%s", error)
        raise HTTPException(503, "reports/people.yaml cannot be read; the API server's log says why.") from error
    request.state.visitor = Visitor(visitor.name, visitor.token, office, person)
    return request.state.visitor


def _needing(need: str) -> Callable[..., Visitor]:
    def needed(request: Request, visitor: Annotated[Visitor, Depends(seeing)]) -> Visitor:
        if need == "rows" and request.headers.get("sec-fetch-site") == "cross-site":  # a view is recorded
            raise HTTPException(403, "This was not asked for from a page of the desk. Open the desk and do it there.")
        if not visitor.may(need):
            roles = " or ".join(sorted(ROLES[need]))
            raise HTTPException(403, f"This is for a {roles}. reports/people.yaml does not name {visitor.name} as one.")
        return visitor

    return needed


NEEDS: dict[str, Callable[..., Visitor]] = {"visiting": visiting, "seeing": seeing} | {
    need: _needing(need) for need in ROLES
}
Visiting = Annotated[Visitor, Depends(NEEDS["visiting"])]
Seeing = Annotated[Visitor, Depends(NEEDS["seeing"])]
Figures = Annotated[Visitor, Depends(NEEDS["figures"])]
Rows = Annotated[Visitor, Depends(NEEDS["rows"])]
Acknowledge = Annotated[Visitor, Depends(NEEDS["acknowledge"])]
Waive = Annotated[Visitor, Depends(NEEDS["waive"])]
Sign = Annotated[Visitor, Depends(NEEDS["sign"])]
Release = Annotated[Visitor, Depends(NEEDS["release"])]
