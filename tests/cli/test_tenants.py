"""`tenant end-sessions`."""

from tests.cli.conftest import Command, ask

TENANTS = '[[tenants]]\nslug = "acme"\nname = "Acme"\n\n[[tenants]]\nslug = "globex"\nname = "Globex"\n'


def epochs(url: str) -> dict[str, int]:
    return {row["slug"]: row["epoch"] for row in ask(url, "select slug, epoch from tenant")}


def test_the_sessions_of_one_tenant_end_or_those_of_all(command: Command, url: str) -> None:
    assert command("apply", "-", stdin=TENANTS.encode()).returncode == 0
    done = command("tenant", "end-sessions", "acme")
    assert (done.returncode, done.stdout) == (0, "- every session of acme\n")
    assert epochs(url) == {"acme": 1, "globex": 0}
    assert command("tenant", "end-sessions", "--all").returncode == 0
    assert epochs(url) == {"acme": 2, "globex": 1}
    recorded = ask(url, "select actor from audit_event where action = 'tenant.sessions_ended'")
    assert len([row for row in recorded if row["actor"].startswith("operator:")]) == 3


def test_whose_sessions_is_said_in_exactly_one_way(command: Command, url: str) -> None:
    assert command("apply", "-", stdin=TENANTS.encode()).returncode == 0
    assert command("tenant", "end-sessions").returncode == 2
    assert command("tenant", "end-sessions", "acme", "--all").returncode == 2
    assert command("tenant", "end-sessions", "nobody").returncode == 1
    assert epochs(url) == {"acme": 0, "globex": 0}
