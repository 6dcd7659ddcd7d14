"""Whose token it is, as the service said a moment ago."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from identity_api_client.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of an active token. Times are Unix seconds; `claims` is the whole answer (RFC 7662 section 2.2)."""

    user_id: str
    tenant: str
    permissions: frozenset[str]
    authenticated_at: int
    expires_at: int
    claims: Mapping[str, Any]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Caller":
        """From the answer about an active token."""
        return cls(
            user_id=answer["sub"],
            tenant=answer["tenant"],
            permissions=frozenset(answer["permissions"]),
            authenticated_at=answer["auth_time"],
            expires_at=answer["exp"],
            claims=answer,
        )

    def may(self, permission: str) -> bool:
        """Whether the permission is in force."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Refuse whoever lacks the permission.

        Raises:
            NotAllowed: 403, `insufficient_scope` (RFC 6750 section 3.1).
        """
        if not self.may(permission):
            raise NotAllowed(
                f"The permission {permission} is missing.", f'Bearer error="insufficient_scope", scope="{permission}"'
            )

    def require_fresh(self, max_age: int, *, now: float | None = None) -> None:
        """Refuse whoever proved longer than `max_age` seconds ago who they are.

        Raises:
            NotAllowed: 401, `insufficient_user_authentication` (RFC 9470 section 3).
        """
        if (time.time() if now is None else now) - self.authenticated_at > max_age:
            challenge = f'Bearer error="insufficient_user_authentication", max_age="{max_age}"'
            raise NotAllowed("A new proof of the person is needed.", challenge, 401)
