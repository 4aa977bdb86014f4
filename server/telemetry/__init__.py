"""The ledger of minute records, hash-chained, and the views rebuilt from it: rows, gaps, hourly roll-ups,
chart data.

May import `server.foundation`, `server.lockers` and `firmware.contract`.
"""
