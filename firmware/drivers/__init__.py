"""One file per chip, lock board or network port: bytes and bits of hardware, bounded waits, errors counted.

Bus objects of MicroPython are passed in; may import `firmware.contract` only.
"""
