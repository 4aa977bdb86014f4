"""Judges zones and rooms on event time; keeps blocks, excursions with the limits then in force, releases,
hangar lots.

May import `server.foundation`, `server.telemetry`, `server.lockers`, `server.gateways`, `server.orders`,
`server.audit`.
"""
