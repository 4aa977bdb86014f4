"""Wiring drawings as SVG, made from the boards' data alone: `sheet` has every part with its nets, `field`
every cable from its connector to what hangs on it, `coil_rail` the way of a coil's current and
what bounds it.

Imports `hardware` only.
"""
