"""The server's backup: always one SQLite file, whatever database it was made from, beside the settings; read
back, migrated and recomputed before it counts. Putting it back, on either kind of database.

Imports `server` and the installation's own rooms.
"""
