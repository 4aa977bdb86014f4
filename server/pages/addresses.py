"""What an address of a page may hold: anything else is an error page before it reaches the database."""

from typing import Annotated

from fastapi import Path

Device = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
"""A controller."""
ZoneKey = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
"""A zone's id at its controller."""
DoorNumber = Annotated[int, Path(ge=1, le=255)]
"""A door's number at its wall."""
RowName = Annotated[str, Path(pattern=r"^[0-9a-z-]{1,64}$")]
"""The id of an alarm, a block, an order, a lot."""
