"""Tables of people, their sessions, and shops."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base

MANAGER = "manager"
PRODUCER = "producer"


class Person(Base):
    """Somebody who logs in. A producer's person belongs to a producer."""

    __tablename__ = "people"
    __table_args__ = (CheckConstraint("role IN ('manager', 'producer')", name="role"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    producer_id: Mapped[str | None] = mapped_column(ForeignKey("producers.id"))
    locale: Mapped[str] = mapped_column(default="fr")


class LoginLink(Base):
    """A one-time link; only its hash is kept. Shown on GET, used on POST, because mail scanners follow
    links."""

    __tablename__ = "login_links"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class WebSession(Base):
    """A browser's session; only the hash of its cookie is kept."""

    __tablename__ = "web_sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Shop(Base):
    """An ordering shop, known by its token's hash."""

    __tablename__ = "shops"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)


class Platform(Base):
    """What holds for the whole platform: one row, id 1."""

    __tablename__ = "platform"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    help: Mapped[str]
    currency: Mapped[str]
    hold_seconds: Mapped[int]
