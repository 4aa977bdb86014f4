"""The site file's shape (TOML, `docs/interfaces.md` §1), checked whole before anything is loaded."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firmware.contract import config
from server.foundation.errors import ConfigurationError
from server.foundation.web import Email, Identifier, Text
from server.sitefile import refusals

Climate = Literal["ambient", "chilled", "frozen"]
Size = Literal["S", "M", "L"]
Celsius = Annotated[float, Field(ge=-300, le=125)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]

LABEL_BYTES = 24


class Part(BaseModel):
    """Base: unknown keys are refused, so that a slip of the pen does not pass unseen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlatformPart(Part):
    """`[platform]`."""

    name: Text
    help: Text
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    hold_s: Annotated[int, Field(ge=5, le=24 * 3600)] = 2100


class PersonPart(Part):
    """`[[people]]`."""

    email: Email
    name: Text
    role: Literal["manager", "producer"]
    producer: Identifier | None = None
    locale: Literal["fr", "en"] = "fr"

    @model_validator(mode="after")
    def belongs(self) -> Self:
        """A producer's person names the producer."""
        if (self.role == "producer") != (self.producer is not None):
            raise ValueError("a person with role producer, and no other, names a producer")
        return self


class ProducerPart(Part):
    """`[[producers]]`."""

    id: Identifier
    name: Text
    email: Email


class ProductPart(Part):
    """`[[products]]`."""

    id: Identifier
    name: Text
    name_en: Text
    producer: Identifier
    climate: Climate
    max_c: Celsius | None = None
    price_cents: Annotated[int, Field(ge=0, le=10_000_000)]
    size: Size = "M"
    shelf_days: Annotated[int, Field(ge=0, le=3650)] = 5

    @model_validator(mode="after")
    def fits_display(self) -> Self:
        """The keypad's display shows 24 bytes."""
        if len(self.name.encode()) > LABEL_BYTES:
            raise ValueError(f"the name is longer than {LABEL_BYTES} bytes")
        return self


class ShopPart(Part):
    """`[[shops]]`."""

    id: Identifier
    name: Text


class BoardPart(Part):
    """A lock board on a controller's bus."""

    kind: Literal["8a80", "mcp"]
    address: Annotated[int, Field(ge=1, le=127)]
    locks: Annotated[int, Field(ge=1, le=48)]

    @model_validator(mode="after")
    def exists(self) -> Self:
        """No board of that kind has a higher address or more locks; its controller would obey nothing."""
        address, locks = config.REACH[self.kind]
        if self.address > address or self.locks > locks:
            raise ValueError(f"a board {self.kind} has an address up to {address} and at most {locks} locks")
        return self


class ZonePart(Part):
    """`[[sites.controllers.zones]]`."""

    id: Identifier
    name: Text
    climate: Climate
    bus: Annotated[int, Field(ge=0, le=7)] = 0
    probes: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]], Field(max_length=4)] = []
    low_c: Celsius = -300
    high_c: Celsius = 125
    alert_c: Celsius = 125
    delay_s: Seconds = 1800
    silence_s: Seconds = 600
    ajar_s: Seconds = 120

    @model_validator(mode="after")
    def makes_sense(self) -> Self:
        """Limits leave room between them."""
        refusals.zone(self)
        return self


class DoorsPart(Part):
    """`[[sites.controllers.doors]]`: a run of doors on consecutive channels of one board."""

    numbers: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}(-[1-9][0-9]{0,2})?$")]
    zone: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,32}$")] = ""
    board: Annotated[int, Field(ge=0, le=15)] = 0
    first_channel: Annotated[int, Field(ge=1, le=48)] = 1
    size: Size = "M"
    item_sensor: bool = True

    def run(self) -> list[tuple[int, int]]:
        """(door number, channel) of each door."""
        first, _, last = self.numbers.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        return [(number, self.first_channel + at) for at, number in enumerate(numbers)]


class ControllerPart(Part):
    """`[[sites.controllers]]`."""

    id: Identifier
    kind: Literal["bank", "room"]
    board: Text
    name: Text
    boards: list[BoardPart] = []
    sample_s: Annotated[int, Field(ge=1, le=300)] = 5
    period_s: Annotated[int, Field(ge=1, le=3600)] = 60
    pulse_ms: Annotated[int, Field(ge=50, le=1000)] = 400
    tries: Annotated[int, Field(ge=1, le=5)] = 3
    retry_s: Annotated[int, Field(ge=1, le=60)] = 3
    reopen_s: Annotated[int, Field(ge=1, le=3600)] = 300
    use_s: Annotated[int, Field(ge=10, le=3600)] = 120
    zones: list[ZonePart] = []
    doors: list[DoorsPart] = []

    @model_validator(mode="after")
    def holds_together(self) -> Self:
        """Every door has a board, a lock of its own and a known zone; the probes fit one record."""
        refusals.controller(self)
        if sum(len(zone.probes) for zone in self.zones) > config.MAX_PROBES:
            raise ValueError(f"a controller has at most {config.MAX_PROBES} probes in all its zones")
        zones = {zone.id for zone in self.zones} | {"", "ambient"}
        numbers: set[int] = set()
        locks: set[tuple[int, int]] = set()
        for doors in self.doors:
            if doors.zone not in zones:
                raise ValueError(f"doors {doors.numbers} name an unknown zone {doors.zone}")
            if doors.board >= len(self.boards):
                raise ValueError(f"doors {doors.numbers} name a board that is not there")
            for number, channel in doors.run():
                if not 1 <= number <= 255 or number in numbers:
                    raise ValueError(f"door {number} appears twice or is not 1 to 255")
                if channel > self.boards[doors.board].locks or (doors.board, channel) in locks:
                    raise ValueError(f"door {number} has no lock of its own")
                numbers.add(number)
                locks.add((doors.board, channel))
        return self


class SitePart(Part):
    """`[[sites]]`."""

    id: Identifier
    name: Text
    timezone: Text = "Europe/Paris"
    controllers: list[ControllerPart] = []

    @model_validator(mode="after")
    def is_on_earth(self) -> Self:
        """Its time zone is one."""
        refusals.timezone(self.timezone)
        return self


class SiteFile(Part):
    """The whole file."""

    platform: PlatformPart
    people: list[PersonPart] = []
    producers: list[ProducerPart] = []
    products: list[ProductPart] = []
    shops: list[ShopPart] = []
    sites: list[SitePart] = []
    acts: list[dict[str, Any]] = []
    """What happens to a simulated site and when: read by the simulator, passed over here."""

    @model_validator(mode="after")
    def names_exist(self) -> Self:
        """Producers named exist; controllers' ids are unique on the platform; `gw` is the gateway's."""
        refusals.platform(self)
        producers = {producer.id for producer in self.producers}
        for product in self.products:
            if product.producer not in producers:
                raise ValueError(f"product {product.id} names an unknown producer")
        for person in self.people:
            if person.producer is not None and person.producer not in producers:
                raise ValueError(f"{person.email} names an unknown producer")
        seen: set[str] = set()
        for site in self.sites:
            for controller in site.controllers:
                if controller.id in seen or controller.id == "gw":
                    raise ValueError(f"the controller id {controller.id} is taken")
                seen.add(controller.id)
        return self


def read(path: Path) -> SiteFile:
    """The site file at `path`; raises ConfigurationError naming the place of the fault."""
    try:
        return SiteFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no site file {path}") from error
    except OSError as error:
        raise ConfigurationError(f"the site file {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the site file {path} is not text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{path}: {where}: {said}" if where else f"{path}: {said}") from error
