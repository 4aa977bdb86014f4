"""Money: the provider's port, its signed webhook, the ledger, refunds.

Imports foundation, orders.
"""
