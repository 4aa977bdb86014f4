"""What the controller decides: who may open, what a door is doing, whether a zone is cold enough, what is
told and when.

Pure: no machine, network or clock; integers only; the same on MicroPython and CPython. Imports
`firmware.contract` alone.
"""
