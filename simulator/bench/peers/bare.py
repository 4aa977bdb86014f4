"""The least that a subscriber in Python can do: paho with a callback that counts. `python -m
simulator.bench.peers.bare PORT USER PASSWORD TOPIC COUNTER`.

The count is written to a file of 8 bytes (little-endian), so that the load can hold back what nobody has
received yet: unread messages would be dropped by the broker, and nobody's rate would be sustained.
"""

import mmap
import struct
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


def main(port: int, user: str, password: str, topic: str, counter: Path) -> None:
    """Receive until the process is ended."""
    with counter.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 8)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=mqtt.MQTTv311)
    client.username_pw_set(user, password)
    received = 0

    def on_message(_client: object, _data: object, _message: object) -> None:
        nonlocal received
        received += 1
        struct.pack_into("<Q", shared, 0, received)

    client.on_message = on_message
    client.on_connect = lambda client, *_: client.subscribe(topic, 1)
    client.on_subscribe = lambda *_: print("listening", flush=True)
    client.connect("127.0.0.1", port)
    client.loop_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5]))
