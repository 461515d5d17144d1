"""The mark of a web process that is about to stop, which `health`, `headers` and `server` share."""


class Draining:
    """Whether the process is about to stop: it is not ready then, and keeps no connection alive.

    A load balancer that asks `/ready` stops sending requests. One that does not ask opens new connections for
    its next requests, which it can open elsewhere once the port is closed.
    """

    begun = False

    def begin(self) -> None:
        """Marks the process; there is no way back."""
        self.begun = True
