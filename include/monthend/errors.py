"""What can go wrong, by what the caller has to do about it. Each carries the command line's exit code."""


class MonthendError(Exception):
    """Base of the errors that are shown as they stand: what is wrong, where, what to do. Never a traceback."""

    exit_code = 1


class NeedsPerson(MonthendError):
    """The work stopped, and a person has to look: exit code 1."""


class WrongCall(MonthendError):
    """The call itself is wrong: an unknown name, a month out of order, a database of another version. Exit code 2."""

    exit_code = 2
