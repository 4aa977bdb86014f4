"""Producers and their products.

Imports foundation.
"""
