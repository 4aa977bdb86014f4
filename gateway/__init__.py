"""A site's gateway: takes controllers' records to its disk, then to the server; passes the server's sealed
words down.

Imports `firmware.contract` and nothing else of ours. Decisions are plain code over values and one SQLite
connection (`cursor`, `quota`, `presence`, `desired`, `intake`, `feed`, `lanes`); threads and sockets are in
`writer`, `link`, `upstream`, `downstream` and `app`.
"""
