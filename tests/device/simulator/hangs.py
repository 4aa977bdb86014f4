"""Energises a coil, arms a timer to end it and the watchdog, then hangs; each start says its cause."""

import machine

from firmware import pins

print("cause", machine.reset_cause())
if machine.reset_cause() == machine.PWRON_RESET:
    i2c = machine.I2C(0, scl=machine.Pin(pins.BANK_I2C_SCL), sda=machine.Pin(pins.BANK_I2C_SDA))
    enable = machine.Pin(pins.BANK_COIL_EN, machine.Pin.OUT, value=0)
    i2c.writeto_mem(pins.BANK_ADDR_LOCKS, 0x14, b"\x01\x00")
    i2c.writeto_mem(pins.BANK_ADDR_LOCKS, 0x00, b"\x00\xff")
    cut = machine.Timer(0)
    cut.init(mode=machine.Timer.ONE_SHOT, period=300, callback=lambda _timer: enable.off())
    machine.WDT(timeout=1500)
    enable.on()
elif machine.reset_cause() == machine.WDT_RESET:
    machine.reset()
while True:
    pass
