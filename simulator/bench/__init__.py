"""`./loquet bench`: the figures of the chain, measured on this machine beside their bars and their peers.

`figure` says what is measured and what it must be, `line` how one line of the table is measured, `run` plays
lines and survives those that fail, `table` and `report` write down what came of it, `surroundings` says on
what machine. `lines/` has one module for each line, `load/` what they load the chain with, `peers/` the other
people's programs that do the same work. May import everything of ours; nothing imports it.
"""
