"""One long-lived task each: doors, keypad, probes, link, desired, commands, clock, health, indicators.

They join what `core` decides to what `drivers` can do; may import `firmware.contract`, `core` and `drivers`.
"""
