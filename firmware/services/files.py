"""Small state files in littlefs: written new, then renamed, so that a power cut leaves the old or the new,
never half.

At most 128 bytes stay inline in their directory and cost no erase (measured on VfsLfs2); only the grant set
is larger.
"""

import os


class Files:
    """State by name under one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder + "/"
        self.errors = 0
        """Writes the flash refused; the caller goes on with what is in memory."""

    def read(self, name: str) -> bytes:
        """The content; empty if there is none or it cannot be read."""
        try:
            with open(self._folder + name, "rb") as source:
                return source.read()
        except OSError:
            return b""

    def write(self, name: str, content: bytes | bytearray) -> bool:
        """Replace the content durably; False if the flash refused."""
        fresh = self._folder + name + ".new"
        try:
            with open(fresh, "wb") as target:
                target.write(content)
            os.rename(fresh, self._folder + name)
            return True
        except OSError:
            self.errors += 1
            return False

    def remove(self, name: str) -> None:
        """Forget a file; one that is not there is forgotten already."""
        try:
            os.remove(self._folder + name)
        except OSError:
            return
