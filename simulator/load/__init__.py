"""A device made of load: it speaks the protocol as a controller does, over the firmware's own MQTT and
journal, under the real MicroPython, and makes as many records a second as it is asked to. Of this
repository `device.py` imports the firmware, `memory` and `synthetic`; `launch` imports `simulator.parts`
too.
"""
