"""The tables of states as Markdown, for `docs/server.md`; a test keeps the page current."""

from server.lockers.contents import CONTENTS
from server.orders.states import CLAIM, ORDER
from server.payments.states import PAYMENT, REFUND

TABLES = {"Order": ORDER, "Claim": CLAIM, "Compartment": CONTENTS, "Payment": PAYMENT, "Refund": REFUND}

BEGIN = "<!-- states: drawn from the code -->"
END = "<!-- end of states -->"


def drawn() -> str:
    """Every table, between the two marks."""
    out = [BEGIN]
    for name, table in TABLES.items():
        out += ["", f"### {name}", "", "| from | to | by |", "|---|---|---|"]
        for state, moves in table.items():
            out += [f"| `{state}` | `{to}` | {why} |" for to, why in moves.items()]
        ends = [f"`{state}`" for state, moves in table.items() if not moves]
        out += ["", "Ends: " + ", ".join(ends) + "." if ends else "No end: it goes round."]
    return "\n".join([*out, "", END])
