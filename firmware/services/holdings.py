"""What the controller holds between power cuts: configuration, grants, marks, loads, tries, blocks, command
ids.

Memory and flash are changed together here, each in the order that its rule asks for; decisions are `core`'s.
What flash refuses is either not done (a configuration, a set of grants) or owed: in force in memory, and
written by `pay` as soon as flash takes it. Whoever must not act before it is written asks the answer.
"""

from firmware.contract import config as configuration
from firmware.contract.config import Config
from firmware.contract.errors import ContractError
from firmware.core.blocks import Blocks
from firmware.core.bucket import Bucket
from firmware.core.commands import PAGES, CommandMemory
from firmware.core.grantbook import LOAD_PAGES, GrantBook
from firmware.services.storage import Files

_MARK_PAGES_MOST = 64


class Holdings:
    """The state of one controller, loaded once at boot."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.config: Config = configuration.factory()
        self.book = GrantBook()
        self.blocks = Blocks()
        self.bucket = Bucket()
        self.memory = CommandMemory()
        self.blocked: dict[int, str] = {}
        """Reason by door, for every door of a blocked zone."""
        self.owed: list[str] = []
        """Names of state files that flash still refuses, oldest first."""
        self.damaged: list[str] = []
        """Names of state files found damaged at boot; each is replaced by its safe reading."""

    def load(self) -> None:
        """Take everything from flash. Whatever is damaged reads as what opens least."""
        files = self.files
        kept = files.read("config")
        if kept:
            try:
                self.config = configuration.unpack(kept)
            except ContractError:
                self.damaged.append("config")
        image = files.read("grants")
        if image and not self.book.load_image(image):
            self.damaged.append("grants")
        for page in range(_MARK_PAGES_MOST):
            content = files.read("marks" + str(page))
            if not content:
                break
            if not self.book.load_mark_page(page, content):
                # Which grants are used is unknown: hold none, so that the gateway sends the set again.
                self.damaged.append("marks")
                self.book.load_image(b"")
        for page in range(LOAD_PAGES):
            content = files.read("loads" + str(page))
            if content and not self.book.load_load_page(page, content):
                self.damaged.append("loads")
        for page in range(PAGES):
            content = files.read("commands" + str(page))
            if content and not self.memory.load(page, content):
                self.damaged.append("commands")
        content = files.read("bucket")
        if content and not self.bucket.load(content):
            self.damaged.append("bucket")
        content = files.read("blocks")
        if content and not self.blocks.load(content):
            self.damaged.append("blocks")
        self._spread_blocks()

    def forget_blocks(self) -> None:
        """The file system was lost: what was blocked is unknown, so everything is, until a person releases
        it.
        """
        self.blocks.load(b"")
        self._keep("blocks")
        self._spread_blocks()

    def _spread_blocks(self) -> None:
        self.blocked = {}
        for door in self.config.doors:
            reason = self.blocks.reason_for(door.zone)
            if reason:
                self.blocked[door.number] = reason

    def take_config(self, body: bytes, config: Config) -> bool:
        """A new configuration, in flash before it is in force (R-60); False, and nothing changed, if flash
        refuses it.
        """
        if not self.files.write("config", body):
            return False
        self.config = config
        self._spread_blocks()
        return True

    def take_grants(self) -> bool:
        """The set that `book.stage` called READY, in flash before it is in force; False, and nothing changed,
        if flash refuses it.
        """
        if not self.files.write_parts("grants", self.book.staged_image()):
            self.book.discard()
            return False
        for page in self.book.commit():
            self.keep_marks(page)
        return True

    def keep_marks(self, page: int) -> bool:
        """Flush one page of marks, -1 for none; False if any page of them is not in flash."""
        if page >= 0:
            self._keep("marks" + str(page))
        return not self._owes_marks()

    def keep_loads(self, page: int) -> bool:
        """Flush one page of loads, -1 for none; False if flash refuses it."""
        return page < 0 or self._keep("loads" + str(page))

    def keep_command(self, page: int) -> bool:
        """Flush one page of command ids, -1 for none; False if flash refuses it."""
        return page < 0 or self._keep("commands" + str(page))

    def keep_bucket(self) -> bool:
        """Flush the tries left; False if flash refuses it."""
        return self._keep("bucket")

    def _keep(self, name: str) -> bool:
        if name not in self.owed:
            self.owed.append(name)
        self.pay()
        return name not in self.owed

    def pay(self) -> None:
        """Write what is owed; what flash refuses again stays owed."""
        left: list[str] = []
        marks_refused = False
        for name in self.owed:
            is_mark = name.startswith("marks")
            # Grants that leave a set let the marks of others move to an earlier page: a page written after
            # a refused one could drop a mark that is nowhere yet.
            if (is_mark and marks_refused) or not self.files.write(name, self._content(name)):
                left.append(name)
                marks_refused = marks_refused or is_mark
        self.owed = left

    def _owes_marks(self) -> bool:
        for name in self.owed:
            if name.startswith("marks"):
                return True
        return False

    def _content(self, name: str) -> bytes:
        if name.startswith("marks"):
            return self.book.mark_page(int(name[5:]))
        if name.startswith("loads"):
            return self.book.load_page(int(name[5:]))
        if name.startswith("commands"):
            return self.memory.page(int(name[8:]))
        return self.bucket.page() if name == "bucket" else self.blocks.image()

    def block(self, block_id: str, zone: str, reason: str) -> bool:
        """Put a block in force, at once and whatever flash says; False if it is already."""
        added = self.blocks.add(block_id, zone, reason)
        self._keep("blocks")
        self._spread_blocks()
        return added

    def release(self, block_id: str, by: str) -> bool:
        """Lift a block in a person's name; False if there is none of that id."""
        if not self.blocks.release(block_id, by):
            return False
        self._keep("blocks")
        self._spread_blocks()
        return True
