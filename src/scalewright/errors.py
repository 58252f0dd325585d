"""What goes wrong, and with which exit code a command reports it."""


class ScalewrightError(Exception):
    """Any failure that has a plain explanation: shown as one line, without a traceback."""

    exit_code = 1


class WorkError(ScalewrightError):
    """The work itself failed: no law fits, the disk is full, the loss is not a number. Exit code 1."""


class TerminatedError(WorkError):
    """A process was asked to end (SIGTERM), and kept its work. Exit code 143, as of one that the signal ended."""

    exit_code = 143


class InputError(ScalewrightError):
    """The input was wrong: the message names the file, field or row, what was found, and the way out. Exit code 2."""

    exit_code = 2
