"""What can go wrong with servers."""


class ServerError(Exception):
    """A server cannot be found, started or stopped; the message says why and, where it is known, what to do."""
