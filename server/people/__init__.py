"""Who may do what: managers and producers by mailed one-time links, shops by token, customers by signed link.

Imports foundation, catalogue models.
"""
