"""The controller's program: the same files run on an ESP32, under the unix interpreter and on CPython.

Imports nothing of ours outside this package; `core` and `contract` touch no hardware, network or clock.
"""
