"""The simulated way of running: a wall's day in one process and one thread, on a virtual clock and one seed.

Real code of firmware, gateway and server; virtual coils, fridges, wires and people. May import all;
nothing imports it.
"""
