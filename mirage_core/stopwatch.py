"""How long the parts of a work take."""

import time


class Stopwatch:
    """Seconds of each part by its name, one after the other."""

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
