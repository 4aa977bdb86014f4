"""The drivers on a wall with two RS-485 lock boards."""

from drivers import RS485, run

run(RS485)
