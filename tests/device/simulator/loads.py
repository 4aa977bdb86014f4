"""Loads the whole firmware and prints what of the heap is then in use."""

import gc
import time

import firmware.app

gc.collect()
print(firmware.app.__name__, gc.mem_alloc(), "bytes")
while True:
    time.sleep_ms(100)
