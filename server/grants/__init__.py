"""Codes, credentials, grants, and the versioned set of grants that each controller holds.

Imports foundation, lockers, gateways' feed.
"""
