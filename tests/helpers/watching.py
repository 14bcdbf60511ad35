"""A watch for tests: it remembers what it was told, and stops at a step."""


class Watching:
    """Stops at a step; -1: never."""

    def __init__(self, stop_at: int) -> None:
        self.stop_at, self.seen, self.total = stop_at, 0, 0
        self.told: list[tuple[int, int | None]] = []

    def begin(self, replicas: int, steps: int) -> "Watching":
        self.total = steps
        return self

    def progress(self, step: int, solved: int | None) -> None:
        self.seen = step
        self.told.append((step, solved))

    def stop_requested(self) -> bool:
        return 0 <= self.stop_at <= self.seen
