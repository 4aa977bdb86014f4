"""The two boards of Loquet, each described once as data (`boards/*.toml`): pins, chips, connectors,
currents, parts.

The firmware's pin map and the wiring pages are derived from it. Imports nothing of ours; nothing shipped on
a device imports it.
"""
