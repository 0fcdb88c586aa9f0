"""What a consumer holds: delivered, and neither acknowledged nor handed back."""

from __future__ import annotations

from typing import Any

from kombu.transport import virtual


class QoS(virtual.QoS):  # type: ignore[misc]
    """Holds what was delivered; at close it is handed back instead of waiting until it counts as idle."""

    def ack(self, delivery_tag: str) -> None:
        self.channel.acknowledge(self.get(delivery_tag).delivery_info["routing_key"], delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not requeue:
            self.ack(delivery_tag)
            return
        self.channel.hand_back({delivery_tag: self.held()[delivery_tag]})
        self.forget(delivery_tag)

    def forget(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)

    def held(self) -> dict[str, int]:
        """The ids of the messages, and how often each had been delivered before."""
        self._flush()
        return {id: message.headers["x-delivery-count"] for id, message in self._delivered.items()}

    def restore_unacked_once(self, stderr: object = None) -> None:
        """Also where nothing is held, which kombu's own passes over: what was taken over may still wait."""
        self._on_collect.cancel()
        if not self._delivered.restored:
            self._delivered.restored = True
            self.restore_unacked()

    def abandon(self) -> None:
        """Hand nothing back, now or at the end of the process."""
        self._on_collect.cancel()
        self._delivered.restored = True

    def restore_unacked(self) -> list[Any]:
        self.channel.hand_back(self.held())
        self._delivered.clear()
        return []
