"""Puts the pages on the app: routers, static files, error pages."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from server.pages import acts, customer, live, login, manager, pay, producer, theme
from server.pages.rendering import error_page

STATIC = Path(__file__).resolve().parent.parent / "static"


def install(app: FastAPI) -> None:
    """Every page, after the API's own routes."""
    for subject in (login, customer, producer, manager, acts, live, theme):
        app.include_router(subject.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.state.error_page = error_page
    app.state.pay_page = pay.pay_page
