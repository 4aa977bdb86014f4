"""The producer's run-sheet."""

from fastapi import APIRouter, Depends, Request, Response

from server.catalogue.models import Producer
from server.foundation.errors import Forbidden
from server.pages.live import note_mark
from server.pages.rendering import language_of, platform, render
from server.pages.views import producer as view
from server.people.access import Ctx, ProducerPerson

router = APIRouter(include_in_schema=False)


@router.get("/producer", dependencies=[Depends(note_mark)])
def run_sheet(request: Request, context: Ctx, person: ProducerPerson) -> Response:
    """What goes where, done and missing, and the code for the keypad."""
    with context.store.read() as session:
        producer = session.get(Producer, person.producer_id) if person.producer_id else None
        if producer is None:
            raise Forbidden("this person belongs to no producer")
        sheet = view.build(session, context, producer, language_of(request, person))
        return render(
            request,
            "producer.html",
            platform=platform(session),
            person=person,
            live="/live/producer",
            sheet=sheet,
        )
