"""The secret that hosts of one session share, and how they show that they know it without sending it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

from pytest_accel.records.user_error import UserError

VARIABLE = "PYTEST_ACCEL_TOKEN"
FILE_VARIABLE = "PYTEST_ACCEL_TOKEN_FILE"

MIN_CHARACTERS = 16
"""Whoever overhears a rendezvous can try short ones out."""


class BadToken(UserError):
    """A token that is too short, or cannot be read; the message names the variable."""


class Token:
    """A shared secret; without one, ``proof`` is empty and everybody is believed."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = secret

    def __bool__(self) -> bool:
        return self._secret is not None

    def proof(self, role: str, nonce: str) -> str:
        """What only those who know the secret can say to this number: HMAC-SHA256 (RFC 2104).

        ``role`` is who says it, so that nobody can send back what was heard.
        """
        if self._secret is None:
            return ""
        said = f"pytest-accel {role} {nonce}".encode()
        return hmac.new(self._secret.encode(), said, hashlib.sha256).hexdigest()

    def is_proved(self, proof: str, role: str, nonce: str) -> bool:
        """Whether somebody in this role said that to this number, in constant time."""
        return self._secret is None or hmac.compare_digest(
            proof.encode(errors="replace"), self.proof(role, nonce).encode()
        )


def new_nonce() -> str:
    return secrets.token_hex(16)


def from_environment(environment: Mapping[str, str]) -> Token:
    """The token in these variables, or in the file that they name. Raises BadToken."""
    secret = environment.get(VARIABLE, "").strip()
    source, file = VARIABLE, environment.get(FILE_VARIABLE, "").strip()
    if not secret and file:
        source = f"{FILE_VARIABLE}={file}"
        try:
            secret = Path(file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BadToken(f"{source}: cannot be read: {reason}; name a file with the token") from None
        if not secret:
            raise BadToken(f"{source}: the file is empty; put {MIN_CHARACTERS} characters or more into it")
    if not secret:
        return Token()
    if len(secret) < MIN_CHARACTERS:
        raise BadToken(
            f"{source}: the token has {len(secret)} characters; give {MIN_CHARACTERS} or more that nobody "
            "can guess, such as those of `openssl rand -hex 16`"
        )
    return Token(secret)
