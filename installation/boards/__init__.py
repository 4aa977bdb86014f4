"""Writes controllers: `flash` puts MicroPython and the partition table on a board, `provision` the program
and an identity. `onboard/` holds the scripts that run on the board itself, under its MicroPython.

May import `hardware`, `server.sitefile` and `firmware.contract`; mpremote and esptool come from a folder of
their own, which `./loquet` fills for these two verbs only.
"""
