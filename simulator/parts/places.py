"""Where everything lives that the script builds or keeps: one git-ignored folder in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

PRIVATE = ROOT / ".loquet"
VENV = PRIVATE / "venv"
WHEELS = PRIVATE / "wheels"
"""What an environment that already works is about to get; gone afterwards."""

STUBS = PRIVATE / "stubs"
"""The type stubs of the firmware's platform, apart: they are named like modules of the standard library."""

PARTS = PRIVATE / "parts"
BROKER = PARTS / "mosquitto"
POSTGRES = PARTS / "postgres"
BOARDS = PARTS / "boards"
"""The tools that speak to boards, apart: the server and the gateway need none of them."""

PIP_WHEEL = PARTS / "pip"
COMPILED = PRIVATE / "mpy"
"""Compiled firmware, by content."""

REQUIREMENTS = ROOT / "requirements"
