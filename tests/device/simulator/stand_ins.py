"""Uses every stand-in once, as a program on the board would, and prints what it got, one line a thing."""

import asyncio
import gc
import time

import esp32
import machine
import network
import onewire
import vfs

from firmware import pins


def buses():
    """I2C: who is there, registers, errors."""
    scl, sda = machine.Pin(pins.BANK_I2C_SCL), machine.Pin(pins.BANK_I2C_SDA)
    i2c = machine.I2C(0, scl=scl, sda=sda, freq=400000)
    print("i2c", i2c.scan())
    i2c.writeto_mem(0x22, 0x14, b"\x05")
    i2c.writeto(0x22, b"\x00\x00")
    buf = bytearray(1)
    i2c.readfrom_mem_into(0x22, 0x14, buf)
    i2c.writeto(0x22, b"\x00")
    print("registers", buf[0], i2c.readfrom_mem(0x22, 0x00, 1)[0], i2c.readfrom(0x22, 1)[0])
    i2c.writevto(0x22, [b"\x14", b"\x01"])
    try:
        i2c.readfrom(0x50, 1)
    except OSError as error:
        print("nobody", error.errno)
    try:
        machine.SoftI2C(machine.Pin(1), machine.Pin(2))
    except OSError as error:
        print("wrong pins", error.errno)


def probes():
    """1-Wire: search, convert, read."""
    bus = onewire.OneWire(machine.Pin(pins.BANK_OW_CHILLED))
    roms = bus.scan()
    print("roms", " ".join(sorted(bytes(rom).hex() for rom in roms)))
    bus.reset()
    bus.writebyte(bus.SKIP_ROM)
    bus.writebyte(0x44)
    while not bus.readbit():
        time.sleep_ms(20)
    buf = bytearray(9)
    bus.select_rom(roms[0])
    bus.writebyte(0xBE)
    bus.readinto(buf)
    print("scratchpad", bus.crc8(buf), 0 < (buf[0] | buf[1] << 8) / 16 < 4)
    frozen = onewire.OneWire(machine.Pin(pins.BANK_OW_FROZEN))
    try:
        frozen.reset(True)
        print("frozen there")
    except onewire.OneWireError:
        print("frozen silent")


def locks():
    """UART: a conversation on the lock boards' line."""
    enable = machine.Pin(pins.BANK_RS485_DE, machine.Pin.OUT, value=0)
    port = machine.UART(
        1, 9600, tx=machine.Pin(pins.BANK_RS485_TX), rx=machine.Pin(pins.BANK_RS485_RX), timeout=0
    )
    print("nothing yet", port.any(), port.read(), port.readinto(bytearray(4)))
    enable.on()
    port.write(b"\x8a\x02\x01\x11\x98")
    port.flush()
    enable.off()
    deadline = time.ticks_add(time.ticks_ms(), 1000)
    while port.any() < 5 and time.ticks_diff(deadline, time.ticks_ms()) > 0:
        time.sleep_ms(1)
    print("answer", port.read().hex())


def storage():
    """Partitions: littlefs that was made at the factory, raw programs and erases."""
    (device,) = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="data")
    vfs.mount(vfs.VfsLfs2(device), "/data")
    with open("/data/identity.json") as file:
        print("identity", '"device": "wall-1"' in file.read())
    with open("/data/note", "w") as file:
        file.write("kept")
    (ring,) = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="readings")
    print("ring", ring.ioctl(4, 0), ring.ioctl(5, 0), ring.info()[3:5])
    ring.ioctl(6, 3)
    ring.writeblocks(3, b"\x0f\x0f", 100)
    ring.writeblocks(3, b"\xf5\xff", 100)
    buf = bytearray(4)
    ring.readblocks(3, buf, 99)
    print("bits", buf.hex())
    ring.writeblocks(3, b"\x77" * 4096)
    ring.readblocks(3, buf)
    print("whole", buf.hex())
    print("none", esp32.Partition.find(esp32.Partition.TYPE_DATA, label="other"))


def link():
    """Network interfaces."""
    lan = network.LAN(phy_type=network.PHY_W5500, spi=machine.SPI(1), cs=machine.Pin(pins.BANK_ETH_CS))
    before = lan.isconnected()
    lan.active(True)
    print("lan", before, lan.isconnected(), lan.status() == network.ETH_GOT_IP, lan.ifconfig()[0])
    wlan = network.WLAN(network.WLAN.IF_STA)
    wlan.active(True)
    wlan.connect("shed", "secret")
    print("wlan", wlan.isconnected(), wlan.status() == network.STAT_GOT_IP)


def timers():
    """Callbacks while the program hangs, while it asks the world without end, and after a stop."""
    fired = []
    once, often, never = machine.Timer(0), machine.Timer(1), machine.Timer(2)
    buzzer = machine.Pin(pins.BANK_BUZZER, machine.Pin.OUT, value=1)
    once.init(mode=machine.Timer.ONE_SHOT, period=30, callback=lambda _timer: buzzer.off())
    often.init(mode=machine.Timer.PERIODIC, period=10, callback=fired.append)
    never.init(mode=machine.Timer.ONE_SHOT, period=20, callback=lambda _timer: print("stopped timer fired"))
    never.deinit()
    while len(fired) < 5:
        pass
    while len(fired) < 20:
        buzzer.value()
    often.deinit()
    print("timers", fired[0] is often, buzzer.value())


async def tasks():
    """asyncio runs beside all that."""
    await asyncio.sleep_ms(5)
    print("asyncio")


print("start", machine.reset_cause(), len(machine.unique_id()), machine.freq() > 0)
buses()
probes()
locks()
storage()
link()
timers()
asyncio.run(tasks())
gc.collect()
watchdog = machine.WDT(timeout=60000)
watchdog.feed()
print("done")
while True:
    time.sleep_ms(100)
