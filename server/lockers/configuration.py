"""Configuration documents: what a controller is told of its doors, zones, delays and limits (R-60 to
R-64)."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract import config
from server.foundation.audit import record
from server.foundation.context import Context
from server.gateways import feed
from server.lockers.keys import sealed
from server.lockers.models import Compartment, Controller, Zone
from server.people.models import Platform


def build(session: Session, controller: Controller, version: int) -> config.Config:
    """The document of a controller as the database describes it."""
    platform = session.get(Platform, 1)
    zones = session.scalars(select(Zone).where(Zone.controller_id == controller.id).order_by(Zone.id)).all()
    doors = session.scalars(
        select(Compartment).where(Compartment.controller_id == controller.id).order_by(Compartment.number)
    ).all()
    judged = {zone.id: zone.key for zone in zones if zone.probes}
    setup = controller.setup
    return config.Config(
        version,
        controller.kind,
        platform.help if platform else "",
        setup["sample_s"],
        setup["period_s"],
        setup["pulse_ms"],
        setup["tries"],
        setup["retry_s"],
        setup["reopen_s"],
        setup["use_s"],
        [config.Board(board["kind"], board["address"], board["locks"]) for board in setup["boards"]],
        [
            config.Door(door.number, judged.get(door.zone_id, ""), door.board, door.channel, door.item_sensor)
            for door in doors
        ],
        [
            config.Zone(
                zone.key,
                zone.bus,
                [str(rom) for rom in zone.probes],
                zone.low_centi,
                zone.high_centi,
                zone.alert_centi,
                zone.delay_s,
                zone.silence_s,
                zone.ajar_s,
            )
            for zone in zones
            if zone.probes
        ],
    )


def publish(session: Session, context: Context, controller: Controller, actor: str) -> bool:
    """Sends the controller its document if it changed; True if it did. The result comes back as an
    `applied` record."""
    if (
        controller.config_body is not None
        and build(session, controller, controller.config_version).pack() == controller.config_body
    ):
        return False
    version = controller.config_version + 1
    body = build(session, controller, version).pack()
    config.unpack(body)  # a document that no controller would take must not leave
    controller.config_version = version
    controller.config_body = body
    feed.append(session, context, controller.site_id, controller.id, "desired", item(context, controller))
    record(session, context, actor, "config.published", f"controller:{controller.id}", {"version": version})
    return True


def item(context: Context, controller: Controller) -> dict[str, object]:
    """The feed item of the present document."""
    if controller.config_body is None:
        raise ValueError("no document yet")
    return {
        "doc": "config",
        "version": controller.config_version,
        "base": 0,
        "payloads": [sealed(context, controller, "desired", controller.config_body)],
    }
