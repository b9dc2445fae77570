"""A real mail server for the tests: it takes what it is given, refuses what it is told to, and hangs up in the middle on request."""

import asyncio
from contextlib import contextmanager
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller

from tests import ports


class Sink:
    """What arrived, and what to do with whom.

    `rcpt[address]` and `data[address]` are answers; with who is in `cut`, the line breaks after the body.
    """

    def __init__(self):
        self.received, self.senders, self.rcpt, self.data, self.cut = [], [], {}, {}, set()
        self.seconds = 0.0

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - the library asks by this name
        answer = self.rcpt.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        answer = self.data.get(recipient, "250 OK")
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if answer.startswith("2"):
            self.received.append((recipient, envelope.content))
            self.senders.append(envelope.mail_from)
        if recipient in self.cut:
            server.transport.abort()
        return answer

    @property
    def recipients(self):
        return [recipient for recipient, _content in self.received]

    def last(self):
        """The newest mail, read as a mail program reads it."""
        return message_from_bytes(self.received[-1][1], policy=policy.default)


@contextmanager
def listening(handler=None, **more):
    """A server on a free port of loopback; gives its sink. `sink.url` is what SMTP_URL wants."""
    sink = handler or Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=ports.free(), **more)
    controller.start()
    sink.url = f"smtp://127.0.0.1:{controller.port}"
    try:
        yield sink
    finally:
        controller.stop()
