"""Somebody on a site's broker in the gateway's place, for benches and commissioning: hears everything, in the
event loop.
"""

import asyncio
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

LOOPBACK = "127.0.0.1"


class Ear:
    """A client that subscribes to a site, also after the broker was killed and came back."""

    def __init__(self, site: str, take: Callable[[str, bytes], None]) -> None:
        """`take(topic, payload)` is called in the event loop for each message."""
        self._site = site
        self._take = take
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "gw")
        self._listening = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop

    async def listen(self, port: int, within_s: float = 20.0) -> None:
        """Connects to the broker's own listener; returns once it is subscribed. TimeoutError."""
        self._loop = asyncio.get_running_loop()
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async(LOOPBACK, port)
        self._client.loop_start()
        await asyncio.wait_for(self._listening.wait(), within_s)

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """One message, QoS 0."""
        self._client.publish(topic, payload, retain=retain)

    def stop(self) -> None:
        """Says goodbye; safe where `listen` failed or was never called."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe(f"lk/1/{self._site}/#")

    def _on_subscribe(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._listening.set)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._take, message.topic, bytes(message.payload))
