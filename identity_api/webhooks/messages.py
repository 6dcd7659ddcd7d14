"""The body of a message, and its id, which is the same for every attempt."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.db.outbox import Change

TEST: Final = "webhook.test"


class Message(msgspec.Struct, frozen=True):
    """A message before it is signed."""

    id: str
    type: str
    position: int | None
    body: bytes


def message_of(change: Change, tenant_id: UUID) -> Message:
    """The message about a change. Ids are those of `/v1/me` and of introspection (`sub`)."""
    data: dict[str, Any] = {"tenant_id": tenant_id, "position": change.position, "user_ids": change.user_ids}
    if change.type == "session.ended":
        data["session_ids"] = change.session_ids
    return Message(f"msg_{change.id.hex}", change.type, change.position, _body(change.type, change.at, data))


def test_message(row_id: UUID, tenant_id: UUID, at: datetime) -> Message:
    """A test message, to check that it arrives."""
    return Message(f"msg_{row_id.hex}", TEST, None, _body(TEST, at, {"tenant_id": tenant_id}))


def _body(type: str, at: datetime, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": type, "timestamp": at, "data": data})
