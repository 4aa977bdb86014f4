"""Alarm rows: opened, closed by their own rule, acknowledged by a named person; told to managers through the
outbox.

May import `server.foundation`, `server.gateways`, `server.lockers`, `server.people`, `server.audit`,
`server.locales`.
"""
