"""One line of the doctor's answer."""

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """`subject` names the examined part, `message` is a sentence that says what to do if there is a problem."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.level:<5} {self.subject}: {self.message}"


def ok(subject: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", subject, message)


def warn(subject: str, message: str) -> Finding:
    """It works, and an operator should check it."""
    return Finding("warn", subject, message)


def fail(subject: str, message: str) -> Finding:
    """It does not work, or will soon stop working."""
    return Finding("fail", subject, message)
