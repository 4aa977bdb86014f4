"""InfluxDB 2 as a view of the ledger: its client, what is written there, who feeds it, what is read from it.

May import `server.telemetry`, `server.foundation` and `server.lockers`.
"""
