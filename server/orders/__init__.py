"""Orders and claims: capacity held, paid, bound to compartments, loaded, collected; the tables of their
states.

Imports foundation, catalogue, lockers, grants, payments' port.
"""
