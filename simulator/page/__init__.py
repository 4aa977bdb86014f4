"""The page that draws the simulated walls, rooms and network, and lets people touch them; the mail they got.

May import the world, the mailbox and the link's proxy; acts on pins, doors and links only, never on a part's
insides.
"""
