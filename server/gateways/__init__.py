"""The gateways' API: batches of records up, the change feed down.

Imports foundation; hands records to handlers that subjects register.
"""
