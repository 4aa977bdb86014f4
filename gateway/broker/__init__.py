"""The site's MQTT broker: its generated files, and how a device's access is taken away for good.

Imports `gateway.settings`, `gateway.errors` and `firmware.contract`.
"""
