"""What a machine's owner does once or now and then: install, look after, back up, put back, bring up to date;
`boards` writes controllers.

May import `server`, `gateway` and `firmware.contract`; nothing imports it.
"""
