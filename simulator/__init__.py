"""Stands in for everything behind the firmware's `machine`: pins, probes, doors, rooms, people and their
faults.

May import every package of the repository; nothing imports it.
"""
