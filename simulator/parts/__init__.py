"""Finds or fetches what Loquet runs on: Python packages, broker, MicroPython interpreter and compiler, Chromium.

Runs on the system's own Python before any package is installed: imports the standard library only.
"""
