"""Runs that are killed at a step of their own."""


class KilledError(Exception):
    """In the place of a signal."""


class KillAt:
    """Ends the run after so many steps, as a kill would: whatever was not saved is lost."""

    def __init__(self, steps):
        self.left = steps

    def step(self, step, total, loss, tokens_per_second):
        self.left -= 1
        if self.left == 0:
            raise KilledError

    def say(self, text):
        pass

    def warn(self, text):
        pass


class Heard:
    """Keeps what it is told."""

    def __init__(self):
        self.losses, self.said, self.warnings = [], [], []

    def step(self, step, total, loss, tokens_per_second):
        self.losses.append((step, loss))

    def say(self, text):
        self.said.append(text)

    def warn(self, text):
        self.warnings.append(text)
