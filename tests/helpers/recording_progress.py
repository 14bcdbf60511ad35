"""A ``Progress`` for tests: it records its updates and stops at a step."""


class RecordingProgress:
    """Records updates and stops at step ``stop_at``; -1: never."""

    def __init__(self, stop_at: int) -> None:
        self.stop_at, self.seen, self.total = stop_at, 0, 0
        self.updates: list[tuple[int, str]] = []

    def begin(self, replicas: int, steps: int) -> "RecordingProgress":
        self.total = steps
        return self

    def update(self, step: int, status: str = "") -> None:
        self.seen = step
        self.updates.append((step, status))

    def stop_requested(self) -> bool:
        return 0 <= self.stop_at <= self.seen
