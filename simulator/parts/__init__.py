"""Finds or fetches what Loquet runs on: Python packages, broker, MicroPython and its compiler, Chromium.

Runs on the system's own Python before any package is installed: imports the standard library only.
"""

from simulator.parts.inventory import MissingPart, Parts, find_parts

__all__ = ["MissingPart", "Parts", "find_parts"]
