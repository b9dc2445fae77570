"""What cannot be done, said to an operator."""


class Refused(Exception):
    """Something cannot be backed up, restored or moved; the message is one sentence that an operator can act on. Nothing was changed."""
