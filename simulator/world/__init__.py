"""What the controllers stand in: boards, buses and chips; doors, rooms and people. Nothing here knows the
firmware's inside.

May import `firmware.pins` (which net is which pin) and nothing else of ours.
"""
