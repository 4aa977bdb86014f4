"""HTML for customers, producers and managers: endpoints, what each page shows, the chart. Works without
JavaScript.

May import every subject of the server; no subject imports it.
"""
