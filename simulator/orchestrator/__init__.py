"""Starts every process of the simulated sites, in order, and ends each of them whatever happens.

The only place that knows of all parts at once; `simulator.story` acts through its `Stage`.
"""
