"""The receiving code of docs/webhooks.md, run as it is written there, on messages that arrived."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from identity_api.webhooks import administration
from tests.webhooks.conftest import Desk

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Callable[[str, dict[str, str], bytes], bool]] = {}
    exec(code, names)
    return names["verified"]


@pytest.mark.asyncio
async def test_the_documented_receiver_accepts_our_messages_and_no_others(desk: Desk) -> None:
    verified = documented()
    await administration.send_test(desk.sending, desk.actor, desk.webhook.id)
    newer = (await administration.rotate_secret(desk.sending, desk.actor, desk.webhook.id)).secret
    await administration.send_test(desk.sending, desk.actor, desk.webhook.id)
    first, second = desk.receiver.received
    assert verified(desk.secret, first.headers, first.body)
    assert verified(desk.secret, second.headers, second.body)
    assert verified(newer, second.headers, second.body)
    assert not verified(newer, first.headers, first.body)
    assert not verified(desk.secret, first.headers, first.body + b" ")
    assert not verified(desk.secret, {**first.headers, "webhook-id": "msg_other"}, first.body)
    assert not verified(desk.secret, {**first.headers, "webhook-timestamp": "1700000000"}, first.body)
