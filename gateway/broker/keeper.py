"""Keeps the broker to the site's devices: a thread that applies every change of who may connect, until it is
applied.
"""

import logging
import threading
import time

from gateway import settings as settings_module
from gateway.broker import revocation
from gateway.errors import BrokerFilesError, GatewayError
from gateway.settings import Settings

LOOK_S = 2.0
"""How often the devices file is looked at, and how soon what failed is tried again."""

log = logging.getLogger("gateway.broker")


class Keeper:
    """`devices` is the set of ids that may speak now, replaced whole: any thread may read it."""

    def __init__(self, settings: Settings, revoked: list[str]) -> None:
        """Raises SettingsError for a devices file that can't be read, BrokerFilesError for one without
        devices.
        """
        self._settings = settings
        if not settings_module.devices(settings.devices_file):
            raise BrokerFilesError(
                f"no device in {settings.devices_file}: a broker without users would serve nobody"
            )
        revocation.remember(settings.persist_dir, revoked)
        self.devices = frozenset(revocation.admitted(settings))
        self._lock = threading.Lock()
        self._revoked: set[str] = set()
        """To be written down."""
        self._gone: set[str] = set(revoked)
        """Whose sessions are to be ended."""
        self._changed = True
        self._seen: tuple[int, int] | None = self._stamp()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self.beat = time.monotonic()
        """When the thread last went round, or ended a session."""
        self.thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._woken.set()
        self.thread.join()

    def knows(self, device: str) -> bool:
        """Whether a device is one of the site's."""
        return device in self.devices

    def revoke(self, devices: list[str]) -> None:
        """Take access away: the gateway itself stops listening at once, the broker follows on the thread."""
        with self._lock:
            self.devices = self.devices - set(devices)
            self._revoked.update(devices)
            self._gone.update(devices)
            self._changed = True
        self._woken.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._alive()
            try:
                self._look()
                if self._changed:
                    self._apply()
            except GatewayError as error:
                log.warning("broker's devices not changed", extra={"error": str(error)})
            self._woken.wait(LOOK_S)
            self._woken.clear()

    def _alive(self) -> None:
        self.beat = time.monotonic()

    def _stamp(self) -> tuple[int, int] | None:
        file = self._settings.devices_file
        if not file.exists():
            return None
        status = file.stat()
        return status.st_mtime_ns, status.st_size

    def _look(self) -> None:
        seen = self._stamp()
        if seen == self._seen:
            return
        self._seen = seen
        listed = frozenset(revocation.admitted(self._settings))
        with self._lock:
            listed -= self._revoked
            self._gone = (self._gone | (self.devices - listed)) - listed
            self.devices = listed
            self._changed = True

    def _apply(self) -> None:
        with self._lock:
            revoked, gone = set(self._revoked), set(self._gone)
            self._changed = False
        done = False
        try:
            revocation.remember(self._settings.persist_dir, revoked)
            done = revocation.enforce(self._settings, gone, self._stopping, self._alive)
        finally:
            with self._lock:
                if done:
                    self._gone -= gone
                self._changed = self._changed or not done
