"""Sites, controllers, zones, compartments, blocks, configuration documents, commands.

Imports foundation, gateways' feed.
"""
