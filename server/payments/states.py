"""The states of payments and refunds, as data."""

CREATED = "created"
FAILED = "failed"
CAPTURED = "captured"
REFUNDED = "refunded"

PAYMENT: dict[str, dict[str, str]] = {
    CREATED: {CAPTURED: "signed event, right amount", FAILED: "signed event; the hold stays"},
    FAILED: {CAPTURED: "the customer tried again"},
    CAPTURED: {REFUNDED: "the refund was sent"},
    REFUNDED: {},
}

WAITING = "waiting"
DUE = "due"
DONE = "done"
DROPPED = "dropped"

REFUND: dict[str, dict[str, str]] = {
    WAITING: {
        DUE: "the controller applied the revocation",
        DROPPED: "everything was collected before the revocation reached the controller",
    },
    DUE: {DONE: "the provider took it, the ledger has it"},
    DONE: {},
    DROPPED: {},
}
