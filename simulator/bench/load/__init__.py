"""What the lines load the chain with: a crowd of devices in one process, a server's stand-in that only
counts, a site's broker and gateway. May import everything of ours.
"""
