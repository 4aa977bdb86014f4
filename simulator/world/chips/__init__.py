"""The chips on and behind a controller's board, one a file, seen from their buses.

Pure: time comes in as a number of seconds on one monotonic clock, chance as a `random.Random`. Imports
nothing of ours.
"""
