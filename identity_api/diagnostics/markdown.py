"""`docs/troubleshooting.md`: where to look first, and every code with its meaning and what to do.

The tables are written from those beside this module, so that the page, the self-test, the reports and `loginFailures`
say the same.
"""

from typing import Final

from identity_api.diagnostics import TABLES
from identity_api.diagnostics.explanation import Table

_INTRODUCTION: Final = """# Troubleshooting

Every refusal has a code. Look it up below, or let the product look it up:

- **A provider that is being set up, or stopped working:** `identity-api provider test TENANT SLUG`, or the mutation
  `testProvider`. The first line names the fault.
- **Settings that look right, and people who get nothing:** a test login (`loginUrl` of `testProvider`, then
  `providerTest`). It says which claims came, of which type, and what is called alike.
- **The request id from somebody's error page:** `loginFailures(requestId: "...")` has the code, the exact reason and what
  to do.
- **A person whose permissions do not follow:** `state` and `stateReason` of their identity; `syncUser` asks the provider
  now.
- **A machine that was just set up:** `identity-api doctor` looks at settings, database, keys and worker, and runs the
  self-test of every provider.

The self-test and the test login change nothing: no user, identity, grant or session comes of them. A test login is made
in the administrator's own browser with an account of the organisation, because the operator of this service cannot sign in
there. Its report has names of claims, JSON types and counts, never what a claim says; only who began it can read it, for
ten minutes.

## Where it stops says what is wrong

**Nothing happens, or an error of ours before the provider's page.** The sign-in could not start. The code is on the page:
`PROVIDER_UNAVAILABLE`, `PROVIDER_TIMED_OUT` or `PROVIDER_MISCONFIGURED` mean that the provider's documents could not be
had; its self-test says which, and why.

**The provider shows an error page of its own.** It does not accept what we send: the redirect URL, the client ID or the
scopes. `identity-api provider show TENANT SLUG` has every address to register, character by character. The provider's
page or log names the one it misses; we never learn it, as such a page does not send the browser back.

**An error of ours after the provider's page.** The provider did not supply all that is needed. The reason of the failed
login says what: `CLAIM_MISMATCH:aud` (another client), `TOKEN_REQUEST_REFUSED:invalid_client` (secret or method),
`CLAIM_MISSING` (the claim that identifies the person). A test login shows what came instead.

**The sign-in works, and permissions are missing or stay.** Compare the groups that came with the mappings: `onboarding`
and `groups` list the names as received. If they do not follow later, the identity's `stateReason` says why; most often no
refresh token was issued (`no_refresh_token`, `REFRESH_TOKEN_MISSING`).
"""

_SECTIONS: Final = {
    "logins": (
        "A login failed",
        "On the person's page, in `loginFailures`, and in the audit event `login.failed`.",
    ),
    "self_test": (
        "The self-test or a test login found something",
        "The first line that is not OK is where to begin. Codes of the table of reasons appear here as well.",
    ),
    "sync": (
        "Permissions do not follow",
        "`state` and `stateReason` of an identity, and what was read of the groups. Reasons in capitals below appear here "
        "in small letters.",
    ),
    "reasons": (
        "What exactly was wrong",
        "The `reason` in a failed login, a sync or a finding; behind a colon is the claim, error code or setting that caused it.",
    ),
    "api": (
        "GraphQL or HTTP answered with a code",
        "`extensions.code` of an error, `code` of a problem or of the JSON.",
    ),
}


def troubleshooting_markdown() -> str:
    """The whole page. Raises KeyError for a table that has no heading yet."""
    parts = [_INTRODUCTION]
    for name, rows in TABLES.items():
        heading, where = _SECTIONS[name]
        parts.append(
            f"\n## {heading}\n\n{where}\n\n| code | meaning | what to do |\n| --- | --- | --- |\n{_rows(rows)}"
        )
    return "".join(parts)


def _rows(table: Table) -> str:
    lines = [f"| `{code}` | {_cell(told.meaning)} | {_cell(told.remedy)} |\n" for code, told in table.items()]
    return "".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
