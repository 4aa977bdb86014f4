"""Pins, bus numbers and addresses: `BANK_…` for the wall controller, `ROOM_…` for the cold rooms.

Generated from hardware/boards/*.toml by `python -m hardware`; edit the boards, not this file.
"""

# Wall controller (locker-bank), revision 1
BANK_OW_CHILLED = 1  # 1-Wire bus of the chilled zone, two probes
BANK_OW_FROZEN = 2  # 1-Wire bus of the frozen zone, two probes
BANK_KEY_ROW1 = 4  # keypad row 1 2 3, selected when low
BANK_KEY_ROW2 = 5  # keypad row 4 5 6, selected when low
BANK_KEY_ROW3 = 6  # keypad row 7 8 9, selected when low
BANK_KEY_ROW4 = 7  # keypad row * 0 #, selected when low
BANK_KEY_COL1 = 39  # keypad column 1 4 7 *, 0 = pressed in the selected row
BANK_KEY_COL2 = 40  # keypad column 2 5 8 0, 0 = pressed in the selected row
BANK_KEY_COL3 = 41  # keypad column 3 6 9 #, 0 = pressed in the selected row
BANK_I2C_SDA = 8  # I2C data: expanders, display, clock
BANK_I2C_SCL = 15  # I2C clock
BANK_ETH_RST = 9  # Ethernet controller reset, 0 = reset
BANK_ETH_CS = 10  # Ethernet controller select, 0 = selected
BANK_ETH_MOSI = 11  # SPI to the Ethernet controller
BANK_ETH_SCK = 12  # SPI clock
BANK_ETH_MISO = 13  # SPI from the Ethernet controller
BANK_ETH_INT = 14  # Ethernet controller has something, 0 = yes
BANK_RS485_RX = 16  # from the lock boards
BANK_RS485_TX = 17  # to the lock boards
BANK_RS485_DE = 48  # 1 = we talk on the lock boards' bus, 0 = we listen
BANK_COIL_EN = 21  # 1 = supply the coils driven by this board, through the monostable
BANK_IR_EN = 38  # 1 = infrared emitters of the item sensors on
BANK_BUZZER = 47  # 1 = sound
BANK_LED_ALARM = 35  # 1 = alarm light on
BANK_MAINS_OK = 42  # 1 = the supply is good; a broken wire reads 0
BANK_TAMPER = 18  # 1 = lid of the controller's box open, or wire cut
BANK_REV0 = 36  # hardware revision, bit 0: a resistor up or down
BANK_REV1 = 37  # hardware revision, bit 1
BANK_HARDWARE_REVISION = 1  # as announced in the device's description
BANK_I2C_ID = 0  # machine.I2C number
BANK_I2C_HZ = 400_000
BANK_ADDR_ITEMS_1 = 0x20  # MCP23017: item receivers of doors 1 to 16
BANK_ADDR_ITEMS_2 = 0x21  # MCP23017: item receivers of doors 17 to 32
BANK_ADDR_LEDS_1 = 0x22  # MCP23017: lights of doors 1 to 16
BANK_ADDR_LEDS_2 = 0x23  # MCP23017: lights of doors 17 to 32
BANK_ADDR_LOCKS = 0x24  # MCP23017: locks and door contacts of a small wall without RS-485 lock boards
BANK_ADDR_DISPLAY = 0x27  # PCA8574: display lines
BANK_ADDR_CLOCK = 0x68  # DS3231: battery clock, ±2 ppm
BANK_ETH_SPI_ID = 1  # machine.SPI number of the chip's SPI2
BANK_ETH_SPI_HZ = 20_000_000
BANK_RS485_UART_ID = 1  # machine.UART number, 8N1
BANK_RS485_BAUD = 9600
BANK_LOCK_BOARD_1 = 1  # bus address, 16 locks
BANK_LOCK_BOARD_2 = 2  # bus address, 16 locks
BANK_COIL_PULSE_MOST_MS = 664  # a longer pulse may be cut short by the monostable
BANK_COIL_CUTOFF_MS = 917  # the monostable has ended a coil's current by then

# Cold rooms controller (cold-room), revision 1
ROOM_OW_ROOM1 = 1  # 1-Wire bus of room 1, two probes
ROOM_OW_ROOM2 = 2  # 1-Wire bus of room 2, two probes
ROOM_DOOR_ROOM1 = 4  # 1 = door of room 1 open, or wire cut
ROOM_DOOR_ROOM2 = 5  # 1 = door of room 2 open, or wire cut
ROOM_I2C_SDA = 8  # I2C data: clock
ROOM_I2C_SCL = 15  # I2C clock
ROOM_ETH_RST = 9  # Ethernet controller reset, 0 = reset
ROOM_ETH_CS = 10  # Ethernet controller select, 0 = selected
ROOM_ETH_MOSI = 11  # SPI to the Ethernet controller
ROOM_ETH_SCK = 12  # SPI clock
ROOM_ETH_MISO = 13  # SPI from the Ethernet controller
ROOM_ETH_INT = 14  # Ethernet controller has something, 0 = yes
ROOM_BUZZER = 47  # 1 = sound
ROOM_LED_ALARM = 38  # 1 = alarm light on
ROOM_MAINS_OK = 42  # 1 = the supply is good; a broken wire reads 0
ROOM_REV0 = 36  # hardware revision, bit 0: a resistor up or down
ROOM_REV1 = 37  # hardware revision, bit 1
ROOM_HARDWARE_REVISION = 1  # as announced in the device's description
ROOM_I2C_ID = 0  # machine.I2C number
ROOM_I2C_HZ = 400_000
ROOM_ADDR_CLOCK = 0x68  # DS3231: battery clock, ±2 ppm
ROOM_ETH_SPI_ID = 1  # machine.SPI number of the chip's SPI2
ROOM_ETH_SPI_HZ = 20_000_000
