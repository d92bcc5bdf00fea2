"""What can go wrong with the embedded servers."""


class EmbeddedError(RuntimeError):
    """A server cannot be started; the message says why and what helps."""
