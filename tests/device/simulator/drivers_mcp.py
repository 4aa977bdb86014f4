"""The drivers on a wall with the on-board lock drivers."""

from drivers import MCP, run

run(MCP)
