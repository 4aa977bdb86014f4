"""Stand-ins for the modules of the ESP32 port that the desktop interpreter lacks; MicroPython code, first on
MICROPYPATH.

Import nothing of the repository: they are copied as they are. The other end of their wire is
`simulator.world`.
"""
