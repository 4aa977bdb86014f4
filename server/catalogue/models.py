"""Tables of producers and products."""

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base

AMBIENT = "ambient"
CHILLED = "chilled"
FROZEN = "frozen"
CLIMATES = (AMBIENT, CHILLED, FROZEN)

SIZES = ("S", "M", "L")
"""Sizes of goods and compartments, smallest first; goods fit any compartment of their size or larger."""


class Producer(Base):
    """A farm or workshop that loads compartments."""

    __tablename__ = "producers"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class Product(Base):
    """What is sold. `max_centi`: legal or packer's maximum, hundredths of a degree Celsius; None: none."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("climate IN ('ambient', 'chilled', 'frozen')", name="climate"),
        CheckConstraint("size IN ('S', 'M', 'L')", name="size"),
        CheckConstraint("price_cents >= 0", name="price"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    producer_id: Mapped[str] = mapped_column(ForeignKey("producers.id"), index=True)
    climate: Mapped[str]
    max_centi: Mapped[int | None]
    price_cents: Mapped[int]
    size: Mapped[str]
    shelf_days: Mapped[int]
