"""MicroPython's names in `time` and `asyncio`, so that the very driver files run on CPython."""

import asyncio
import sys
import time
import traceback

import pytest


def _sleep_ms(ms: int) -> object:
    return asyncio.sleep(ms / 1000)


@pytest.fixture(autouse=True)
def micropython_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks and millisecond sleeps under MicroPython's names."""
    monkeypatch.setattr(asyncio, "sleep_ms", _sleep_ms, raising=False)
    monkeypatch.setattr(time, "ticks_ms", lambda: time.monotonic_ns() // 1_000_000, raising=False)
    monkeypatch.setattr(time, "ticks_diff", lambda left, right: left - right, raising=False)
    monkeypatch.setattr(sys, "print_exception", traceback.print_exception, raising=False)
