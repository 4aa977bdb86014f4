"""The program at the flash's root: starts the application and is never imported."""

from firmware.app import run

run()
