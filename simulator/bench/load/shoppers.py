"""Shops that all want the same day, one process of them: `python -m simulator.bench.load.shoppers FILE`.

Each thread has a connection of its own and asks for the earliest day that it has not yet been told is full.
The token comes in a file, never on the command line.
"""

import http.client
import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

MOST_DAYS = 170
"""A window may begin at most 180 days ahead."""


@dataclass(frozen=True)
class Shopping:
    """What a process of shoppers is told to do."""

    ports: tuple[int, ...]
    token_file: str
    banks: tuple[str, ...]
    seconds: float
    threads: int
    result: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the file that `write` made."""
        raw = json.loads(path.read_text())
        return cls(**{**raw, "ports": tuple(raw["ports"]), "banks": tuple(raw["banks"])})

    def write(self, path: Path) -> None:
        """For the process."""
        path.write_text(json.dumps(asdict(self)))


@dataclass
class Bought:
    """What became of it. Seconds of each answered request, by what was answered."""

    placed: list[float]
    full: list[float]
    others: dict[str, int]
    begun_s: float
    ended_s: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the file that a process wrote."""
        return cls(**json.loads(path.read_text()))


class Shopper(threading.Thread):
    """One connection that orders one thing after the other."""

    def __init__(self, shopping: Shopping, number: int) -> None:
        super().__init__(daemon=True)
        self._shopping = shopping
        self._number = number
        self._token = Path(shopping.token_file).read_text().strip()
        self.bought = Bought([], [], {}, 0.0, 0.0)

    def run(self) -> None:
        """Order until the time is over or every day of every bank is full."""
        shopping, bought = self._shopping, self.bought
        connection = http.client.HTTPConnection(
            "127.0.0.1", shopping.ports[self._number % len(shopping.ports)], timeout=60
        )
        at, count = 0, 0
        bought.begun_s = time.monotonic()
        while at < len(shopping.banks) * MOST_DAYS:
            begun = time.monotonic()
            if begun - bought.begun_s > shopping.seconds:
                break
            count += 1
            status, code = self._order(connection, at, f"{os.getpid()}-{self._number}-{count}")
            spent = time.monotonic() - begun
            if status == 201:
                bought.placed.append(spent)
            elif status == 409 and code == "full":
                bought.full.append(spent)
                at += 1
            else:
                word = f"{status} {code}"
                bought.others[word] = bought.others.get(word, 0) + 1
        bought.ended_s = time.monotonic()
        connection.close()

    def _order(self, connection: http.client.HTTPConnection, at: int, reference: str) -> tuple[int, str]:
        day = datetime.now(UTC).date() + timedelta(days=1 + at % MOST_DAYS)
        body = {
            "reference": reference,
            "bank": self._shopping.banks[at // MOST_DAYS],
            "customer": {"email": "client@example.org", "name": "Jeanne Petit", "locale": "fr"},
            "window": {"start": f"{day}T08:00:00Z", "end": f"{day}T18:00:00Z"},
            "lines": [{"product": "apples", "quantity": 1}],
        }
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Idempotency-Key": reference,
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", "/api/v1/orders", json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return 0, type(error).__name__
        return answer.status, "" if answer.status == 201 else str(json.loads(content).get("code", ""))


def main(path: Path) -> None:
    """Play a shopping and write down what became of it."""
    shopping = Shopping.read(path)
    shoppers = [Shopper(shopping, number) for number in range(shopping.threads)]
    for shopper in shoppers:
        shopper.start()
    for shopper in shoppers:
        shopper.join()
    found = [shopper.bought for shopper in shoppers]
    others: dict[str, int] = {}
    for each in found:
        for word, count in each.others.items():
            others[word] = others.get(word, 0) + count
    together = Bought(
        [value for each in found for value in each.placed],
        [value for each in found for value in each.full],
        others,
        min(each.begun_s for each in found),
        max(each.ended_s for each in found),
    )
    Path(shopping.result).write_text(json.dumps(asdict(together)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
