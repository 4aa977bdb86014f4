"""The server: one folder per subject (endpoints, service, repository, schemas, models), `foundation` below
them all.

Imports `firmware.contract` and nothing else of ours. Subjects call each other's services, never each
other's endpoints.
"""
