"""Commissioning: a new controller's checklist, played with a person at the wall, who may be simulated.

`line` stands in for gateway and server, `person` for who does and sees, `checks` is the list. Nothing else of
the simulator is needed for a board of silicon; with the simulated world, faults can be planted.
"""
