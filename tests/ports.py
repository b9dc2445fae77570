"""Ports of loopback that nobody listens on."""

import random
import socket

# Linux hands out 32768 and up to whoever connects; below that, a port found free stays free until its server has started.
BELOW_EPHEMERAL = range(20_000, 32_000)


def is_free(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def free(count=1):
    """The first of `count` free ports in a row."""
    while True:
        first = random.SystemRandom().choice(BELOW_EPHEMERAL)
        if all(is_free(port) for port in range(first, first + count)):
            return first
