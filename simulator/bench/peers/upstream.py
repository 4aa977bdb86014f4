"""What stands upstream of thingsboard-gateway: a subscriber of its own broker that counts and writes down
what arrives. `python -m simulator.bench.peers.upstream PORT COUNTER LEDGER`

The ledger has one line of JSON for each message: `[monotonic s, [[device, number], …]]`; the count of records
is in a file of 8 bytes (little-endian).
"""

import json
import mmap
import struct
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

TELEMETRY = "v1/gateway/telemetry"
ASKED, ANSWER = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
NO_LIMIT = {"messages": "0:0,", "telemetryMessages": "0:0,", "telemetryDataPoints": "0:0,"}
LIMITS = {
    "maxPayloadSize": 65536,
    "maxInflightMessages": 100,
    "rateLimits": NO_LIMIT,
    "gatewayRateLimits": NO_LIMIT,
}
"""What a server without limits answers to `getSessionLimits`; before that a gateway sends nothing."""

RIGHTS = """\
topic readwrite #

user bench
topic write v1/#
topic read v1/devices/me/attributes
topic read v1/devices/me/attributes/response/+
topic read v1/devices/me/rpc/response/+
topic read v1/gateway/attributes
topic read v1/gateway/attributes/response
topic read v1/gateway/rpc
"""
"""The broker's rights: as at a ThingsBoard server, a gateway does not hear its own questions."""


def numbers(payload: bytes) -> list[tuple[str, int]]:
    """(device, number) of each record in one message of telemetry."""
    said = json.loads(payload)
    return [
        (device, int(item["values"]["n"]))
        for device, items in said.items()
        for item in items
        if "n" in item.get("values", {})
    ]


def main(port: int, counter: Path, ledger: Path) -> None:
    """Receive until the process is ended."""
    with counter.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 8)
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id="upstream", clean_session=False, protocol=mqtt.MQTTv311
    )
    received = 0
    with ledger.open("a", encoding="utf-8") as lines:

        def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
            nonlocal received
            at = time.monotonic()
            if message.topic.startswith(ASKED):
                answer = json.dumps(LIMITS) if b"getSessionLimits" in message.payload else "{}"
                client.publish(ANSWER + message.topic.removeprefix(ASKED), answer, 1)
                return
            found = numbers(bytes(message.payload))
            lines.write(json.dumps([at, found]) + "\n")
            lines.flush()
            received += len(found)
            struct.pack_into("<Q", shared, 0, received)

        client.on_message = on_message
        client.on_connect = lambda client, *_: client.subscribe([(TELEMETRY, 1), (ASKED + "+", 1)])
        client.on_subscribe = lambda *_: print("listening", flush=True)
        client.connect("127.0.0.1", port)
        client.loop_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
