"""What has to be done at a provider cannot be done from here: that the guides tell it, each thing where it is needed."""

import pytest

from identity_api.diagnostics import ALL
from identity_api.diagnostics.markdown import troubleshooting_markdown
from tests.docs.pages import in_one_line, text_of

ANYWHERE, ENTRA, AUTH0 = "README", "entra", "auth0"

RECIPES = [
    (
        "S0-28 S3-02 S4-17 S4-40",
        ANYWHERE,
        'Create a *confidential* client (a "web application") with the grant types *authorization code*',
    ),
    ("S0-28 S3-02 S4-17 S4-40", ANYWHERE, "PKCE with S256 is always sent; a provider that does not know it ignores it"),
    ("S4-02", ANYWHERE, "You must be an administrator there."),
    ("S4-03", ANYWHERE, "(it needs `identity:providers:read`)"),
    ("S4-20", ANYWHERE, "People's browsers must reach the redirect URI"),
    (
        "S1-17 S4-19",
        ANYWHERE,
        "The redirect URI is compared exactly, at the provider and here: scheme, host, path, the slash at the end.",
    ),
    ("S0-42 S0-43", ANYWHERE, "ask for `offline_access` where the provider wants it, and give them a long lifetime"),
    (
        "S4-41",
        ANYWHERE,
        "It must name `issuer`, `authorization_endpoint`, `token_endpoint` and `jwks_uri`; `userinfo_endpoint` is",
    ),
    (
        "S4-24 S4-25",
        ENTRA,
        "Supported account types: *accounts in this organizational directory only*, unless several directories",
    ),
    ("S4-24 S4-25", ENTRA, "The redirect URI, platform *Web*: `https://login.acme.example/auth/oidc/entra/callback`"),
    (
        "S4-26 S4-27",
        ENTRA,
        'Leave the implicit grant ("ID tokens", "access tokens") and *Allow public client flows* off.',
    ),
    ("S4-28 S4-29", ENTRA, "The value is shown once. Note when it ends (24 months at most)"),
    ("S4-30", ENTRA, "*API permissions*: the default `User.Read` is enough for signing in."),
    ("S4-34", ENTRA, "*Overview* has the *Application (client) ID* and the *Directory (tenant) ID*."),
    ("S3-02 S4-17", AUTH0, "*Applications, Create Application, Regular Web Application*."),
    ("S3-02 S4-17", AUTH0, "Copy domain, client ID and client secret."),
]


@pytest.mark.parametrize(("rows", "guide", "sentence"), RECIPES, ids=[rows for rows, _, _ in RECIPES])
def test_the_guide_tells_it(rows: str, guide: str, sentence: str) -> None:
    assert sentence in in_one_line(text_of(f"docs/providers/{guide}.md"))


def test_the_pages_that_were_promised_and_never_came_are_here() -> None:
    """S4-64: guides for Auth0 and JumpCloud, troubleshooting with every code, and what security rests on."""
    for guide in ("auth0", "jumpcloud"):
        assert "## Known limits" in text_of(f"docs/providers/{guide}.md")
    troubleshooting = troubleshooting_markdown()
    for code, told in ALL.items():
        assert f"| `{code}` | " in troubleshooting
        assert told.remedy.replace("|", "\\|") in troubleshooting
    assert "## What is promised" in text_of("docs/security.md")
