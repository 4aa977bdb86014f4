"""What every subject stands on: database, settings, errors, clock, ids, secrets, audit, outbox, timers, web.

Imports no subject.
"""
