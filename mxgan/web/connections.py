"""Connections with an end: none waits for ever, and those that wait make room for new ones."""

from __future__ import annotations

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["LONGEST_ANSWER", "LONGEST_WAIT", "MOST_CONNECTIONS", "Connection"]

MOST_CONNECTIONS = 256
LONGEST_WAIT = 20.0  # seconds from a connection's begin, or from an answer, to the end of the next request's headers
LONGEST_ANSWER = 90.0  # seconds until an answer has been taken by the other side
_LOOK_EVERY = 5.0
_FULL = "The server has too many connections. Try again in some seconds.\n"


class Connection(H11Protocol):
    """One connection of uvicorn. uvicorn alone would wait without end for half a request, or for a slow reader."""

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._since, self._timer = self.loop.time(), None
        if len(self.connections) > MOST_CONNECTIONS and not self._make_room():
            transport.write(_refusal())
            transport.close()
            return
        self._timer = self.loop.call_later(_LOOK_EVERY, self._look)

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)

    def connection_lost(self, error) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(error)

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered, or its answer waits here for a slow reader."""
        answering = self.cycle is not None and not self.cycle.response_complete
        return answering or self.transport.get_write_buffer_size() > 0

    def _look(self) -> None:
        if self.loop.time() - self._since > (LONGEST_ANSWER if self.is_busy else LONGEST_WAIT):
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(_LOOK_EVERY, self._look)

    def _make_room(self) -> bool:
        """Close the connection that has waited longest; False if all others are being answered."""
        idle = [each for each in self.connections if each is not self and not each.is_busy]
        if not idle:
            return False
        oldest = min(idle, key=lambda each: each._since)
        self.connections.discard(oldest)  # at once: its loss is reported later
        oldest.transport.abort()
        return True


def _refusal() -> bytes:
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"
        f"X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: {len(_FULL)}\r\n\r\n"
    )
    return (head + _FULL).encode()
