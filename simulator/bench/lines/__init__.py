"""One module for each line of the table; `catalogue` has them in their order.

May import everything of ours.
"""
