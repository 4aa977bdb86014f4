"""The states of orders and claims, and every transition that may happen, as data. `docs/server.md` is drawn
from here.

Money and contents are apart: what was paid or refunded says nothing of what is behind a door.
"""

HELD = "held"
LAPSED = "lapsed"
PAID = "paid"
BOUND = "bound"
LOADED = "loaded"
COLLECTED = "collected"
DOUBTFUL = "doubtful"
EXPIRED = "expired"
WITHDRAWN = "withdrawn"
CLEARED = "cleared"
REFUSED = "refused"

CLAIM: dict[str, dict[str, str]] = {
    # state: {next state: what brings it}
    HELD: {PAID: "payment captured", LAPSED: "hold ran out or payment given up"},
    LAPSED: {PAID: "late payment, capacity still free", REFUSED: "late payment, no capacity: refunded"},
    PAID: {BOUND: "compartment chosen", REFUSED: "no compartment in time, or given up: refunded"},
    BOUND: {
        LOADED: "contact cycle, goods seen (or sensor blind) by a loader",
        DOUBTFUL: "a cycle that proves nothing",
        WITHDRAWN: "refunded or window over: the code is being revoked",
    },
    LOADED: {
        COLLECTED: "contact cycle, sensor says empty",
        DOUBTFUL: "contact cycle, sensor blind",
        EXPIRED: "window over, goods still inside",
        WITHDRAWN: "refunded, goods still inside",
    },
    DOUBTFUL: {
        COLLECTED: "a person confirms it empty",
        LOADED: "a person finds the goods inside",
        WITHDRAWN: "refunded before anybody looked",
    },
    EXPIRED: {
        COLLECTED: "collected in time, the record came late",
        WITHDRAWN: "refunded",
        CLEARED: "a person confirms it empty",
    },
    WITHDRAWN: {
        COLLECTED: "collected before the revocation reached the controller",
        CLEARED: "never loaded and revocation applied, or a person confirms it empty",
    },
    COLLECTED: {},
    CLEARED: {},
    REFUSED: {},
}

OCCUPYING = (BOUND, LOADED, DOUBTFUL, EXPIRED, WITHDRAWN)
"""A claim in one of these has its compartment for itself; the database enforces it."""
COUNTING = (HELD, PAID, *OCCUPYING)
"""A claim in one of these takes capacity."""
ENDED = (COLLECTED, CLEARED, REFUSED)

REGISTERED = "registered"
READY = "ready"
REFUNDING = "refunding"
REFUNDED = "refunded"

ORDER: dict[str, dict[str, str]] = {
    HELD: {PAID: "payment captured", LAPSED: "hold ran out"},
    LAPSED: {PAID: "late payment, capacity still free", REFUNDING: "late payment, no capacity"},
    PAID: {REGISTERED: "every controller grant applied", REFUNDING: "given up, or no compartment in time"},
    REGISTERED: {READY: "every claim loaded", REFUNDING: "given up before loading"},
    READY: {
        COLLECTED: "every claim collected, or doubtful after the customer's cycle",
        EXPIRED: "window over",
        REFUNDING: "given up, or blocked by the cold chain",
    },
    EXPIRED: {COLLECTED: "collected in time, the record came late", REFUNDING: "a person decides to refund"},
    REFUNDING: {
        REFUNDED: "revocation applied by the controller, money returned",
        COLLECTED: "everything was collected before the revocation reached the controller",
    },
    COLLECTED: {},
    REFUNDED: {},
}


def sql_list(states: tuple[str, ...]) -> str:
    """The states as an SQL list, for index predicates and checks."""
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"
