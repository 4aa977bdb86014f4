"""`/api/v1/audit`: the chain, a page at a time, and whether it holds."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import select

from server.foundation import audit
from server.foundation.paging import AfterNumber, Limit, Page
from server.foundation.web import problems
from server.people.access import Ctx, Manager

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


class AuditLine(BaseModel):
    """One line of the audit."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, object]
    hash: str


class AuditVerdict(BaseModel):
    """Whether the chain holds; `fault` says where it does not."""

    holds: bool
    fault: str


@router.get("", responses=problems(401, 403))
def list_audit(
    context: Ctx, _manager: Manager, after: AfterNumber = 0, limit: Limit = 100
) -> Page[AuditLine]:
    """Lines in their order."""
    query = (
        select(audit.AuditEntry).where(audit.AuditEntry.id > after).order_by(audit.AuditEntry.id).limit(limit)
    )
    with context.store.read() as session:
        items = [
            AuditLine(
                number=row.id,
                at=row.at,
                actor=row.actor,
                action=row.action,
                subject=row.subject,
                details=row.details,
                hash=row.hash,
            )
            for row in session.scalars(query)
        ]
    return Page(items=items, next=str(items[-1].number) if len(items) == limit else None)


@router.get("/verify", responses=problems(401, 403))
def verify_audit(context: Ctx, _manager: Manager) -> AuditVerdict:
    """Recomputes the whole chain."""
    with context.store.read() as session:
        fault = audit.verify(session)
    return AuditVerdict(holds=not fault, fault=fault)
