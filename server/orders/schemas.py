"""The shapes of orders on the wire (docs/interfaces.md §3)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from server.foundation.web import Cents, Email, Identifier, Text, Wire


class Customer(Wire):
    """Who collects."""

    email: Email
    name: Text
    locale: Literal["fr", "en"] = "fr"


class Window(Wire):
    """When the customer may collect."""

    start: AwareDatetime
    end: AwareDatetime


class NewLine(Wire):
    """A product and how many; it fills one compartment."""

    product: Identifier
    quantity: Annotated[int, Field(ge=1, le=100)]


class NewOrderBody(Wire):
    """`POST /api/v1/orders`."""

    reference: Text
    bank: Identifier
    customer: Customer
    window: Window
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=20)]


class LineView(BaseModel):
    """A line as it stands; `door` once its compartment is bound."""

    id: str
    product: str
    quantity: int
    climate: str
    state: str
    door: int | None = None


class PaymentView(BaseModel):
    """Where to pay."""

    provider: str
    session: str
    url: str
    state: str


class RefundView(BaseModel):
    """Money on its way back."""

    state: str
    amount_cents: Cents
    reason: str


class OrderView(BaseModel):
    """An order as it stands; never the code."""

    id: str
    reference: str
    bank: str
    state: str
    hold_expires_at: datetime
    window_start: datetime
    window_end: datetime
    total_cents: int
    currency: str
    lines: list[LineView]
    doors: list[int]
    payment: PaymentView | None
    refund: RefundView | None


class Reason(Wire):
    """Why a person does it; it stands in the audit."""

    reason: Text
