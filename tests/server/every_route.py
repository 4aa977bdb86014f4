"""Every route of the server as the app really has it, with the names of what it takes: what the OpenAPI
document leaves out (pages, live lines) included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute


@dataclass(frozen=True)
class Taken:
    """A route: its path with places in braces, its method, the names of its query, form and JSON members."""

    path: str
    method: str
    query: tuple[str, ...]
    form: tuple[str, ...]
    members: tuple[str, ...]


def every_route(app: FastAPI) -> list[Taken]:
    """All of them, in a stable order."""
    found = {
        Taken(route.path, method, *_names(route))
        for route in _walk(app.routes)
        for method in route.methods or ()
    }
    return sorted(found, key=lambda taken: (taken.path, taken.method))


def _walk(routes: Sequence[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes)


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _dependants(inner)


def _names(route: APIRoute) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    query: set[str] = set()
    form: set[str] = set()
    members: set[str] = set()
    for dependant in _dependants(route.dependant):
        query |= {parameter.alias for parameter in dependant.query_params}
        for parameter in dependant.body_params:
            kind = parameter.field_info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                members |= set(kind.model_fields)
            else:
                form.add(parameter.alias)
    return tuple(sorted(query)), tuple(sorted(form)), tuple(sorted(members))
