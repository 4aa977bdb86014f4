"""Blocks: doors of a zone, or all, that open for no customer and no loader until a named person releases
them (R-53, R-64).

A block is desired by nobody: it is a fact with an id, kept in flash, lifted only by a `release` naming that
id and a person.
"""

import json

MAX_BLOCKS = 16
PAGE_SIZE = 128


class Block:
    """One block: its id, zone ("" for every door) and reason (`warm`, `cold`, `nodata`, `hand`, …)."""

    def __init__(self, block_id: str, zone: str, reason: str) -> None:
        self.block_id = block_id
        self.zone = zone
        self.reason = reason


class Blocks:
    """The blocks in force."""

    def __init__(self) -> None:
        self.held: list[Block] = []

    def add(self, block_id: str, zone: str, reason: str) -> bool:
        """Puts a block in force; False if that id is held already, or if the zone is blocked for the same
        reason.
        """
        for block in self.held:
            if block.block_id == block_id or (block.zone == zone and block.reason == reason):
                return False
        if len(self.held) >= MAX_BLOCKS:
            # Bounded memory must never open a door: the oldest block widens to everything.
            self.held[0].zone = ""
            return False
        self.held.append(Block(block_id, zone, reason))
        return True

    def release(self, block_id: str, by: str) -> bool:
        """Lifts the block of that id in the name of a person; False if there is none or nobody is named."""
        if not by:
            return False
        for at in range(len(self.held)):
            if self.held[at].block_id == block_id:
                del self.held[at]
                return True
        return False

    def reason_for(self, zone: str) -> str:
        """Why doors of `zone` are blocked, "" if they are not."""
        for block in self.held:
            if block.zone == "" or block.zone == zone:
                return block.reason
        return ""

    def image(self) -> bytes:
        """What to flush."""
        return json.dumps([[block.block_id, block.zone, block.reason] for block in self.held]).encode()

    def load(self, image: bytes) -> bool:
        """Restores an image. A damaged one blocks everything: what was blocked is unknown. Returns False
        then.
        """
        try:
            rows: object = json.loads(image)
        except ValueError:
            rows = None
        held: list[Block] = []
        if isinstance(rows, list):
            for row in rows:
                if isinstance(row, list) and len(row) == 3:
                    held.append(Block(str(row[0]), str(row[1]), str(row[2])))
            if len(held) == len(rows):
                self.held = held
                return True
        self.held = [Block("damaged", "", "damaged")]
        return False
