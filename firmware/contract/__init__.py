"""The wire: topics, records, grants, commands, check digit and seals; the only copy, imported by every part.

Pure, integers only, the same on MicroPython and CPython. Imports nothing but the standard library. Rules
R-nn: docs/protocol.md.
"""
