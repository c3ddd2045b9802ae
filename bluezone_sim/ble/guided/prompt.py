"""Guided sessions: a person at the bench is told what to do and answers on the keyboard."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]


class QuitError(Exception):
    """The person ends the session; what was measured is kept."""


def ask(question: str, say: Say) -> str:
    """What the person answers, trimmed and in lower case only where it is a single letter.

    Raises:
        QuitError: the answer is q, or there is nobody left to answer.
    """
    say(question)
    try:
        answer = input().strip()
    except (EOFError, KeyboardInterrupt):
        raise QuitError from None
    if len(answer) == 1:
        answer = answer.lower()
    if answer == "q":
        raise QuitError
    return answer
