"""Reading and verifying the audit chain.

Imports foundation.
"""
