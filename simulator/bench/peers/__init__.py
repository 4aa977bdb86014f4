"""Other people's programs that do what a part of ours does, started on the same broker under the same load:
a bare subscriber, thingsboard-gateway. May import everything of ours.
"""
