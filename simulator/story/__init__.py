"""The story: people act on simulated pins, pages and the API; each step is judged from outside and has a
sabotage.

May import every package; nothing but the demo and the tests imports it.
"""
