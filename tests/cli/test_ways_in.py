"""Every command is the operator's, who has the database; whoever adds one says what it opens."""

from identity_api.cli.root import COMMANDS

OPENS = {
    "apply",
    "import",
    "user",
    "grant",
    "provider",
    "setup-link",
    "invitation",
    "first-run",
    "token",
    "dev",
    "break-glass",
}
"""Providers, and links that set one up, users with identities and links, a permission or API token of one, and the demo: the
operator's, whom the rule does not bind."""
OPENS_NONE = {
    "serve", "worker", "demo-provider", "migrate", "check-config", "revoke", "tenant", "service-client", "keys", "audit",
    "doctor", "schema", "export", "hand-over", "explain", "access", "sync", "mapping", "webhook", "proposal",
}  # fmt: skip


def test_every_command_says_whether_it_opens_a_way_in() -> None:
    assert set(COMMANDS) == OPENS | OPENS_NONE
    assert set() == OPENS & OPENS_NONE
