"""`docs/door.md` draws the table that the firmware runs; when the table changes, this test prints the new
drawing.
"""

from pathlib import Path

from firmware.core.door import TABLE

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "door.md"


def drawing() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> idle"]
    for state, event, following, actions in TABLE:
        label = event + (": " + ", ".join(actions) if actions else "")
        lines.append(f"    {state} --> {following} : {label}")
    return "\n".join(lines)


def test_the_drawing_is_the_tables() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    drawn = text.split("```mermaid\n")[1].split("\n```")[0]
    assert drawn == drawing()
