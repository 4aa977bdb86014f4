"""The simulated way of running: days of a whole site in one process and thread, on a virtual clock and seed.

Real code of firmware, gateway and server; virtual coils, fridges, wires and people; a judge after every
event. May import all; nothing imports it.
"""
