"""Guided sessions: a person at the bench is told what to do and answers on the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import InputError

Say = Callable[[str], None]


class QuitError(Exception):
    """The person ends the session; what was measured is kept."""


class InputEndedError(InputError):
    """There is nobody to answer: the input has ended.

    Attributes:
        kept: what was measured until then.
    """

    kept: Any = None


def ask(question: str, say: Say) -> str:
    """What the person answers, trimmed and in lower case only where it is a single letter.

    Raises:
        QuitError: the answer is q, or Ctrl-C.
        InputEndedError: there is nobody left to answer.
    """
    say(question)
    try:
        answer = input().strip()
    except EOFError:
        raise InputEndedError(
            "the input ended before the session did: its questions are answered on a keyboard; run it in "
            "a terminal, or give it a line for each answer, q the last"
        ) from None
    except KeyboardInterrupt:
        raise QuitError from None
    if len(answer) == 1:
        answer = answer.lower()
    if answer == "q":
        raise QuitError
    return answer
