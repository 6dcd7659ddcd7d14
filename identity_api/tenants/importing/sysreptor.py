"""SysReptor's `OIDC_AUTHLIB_OAUTH_CLIENTS`: one JSON object of provider ids (S3-03 to S3-37).

Differences: PKCE with S256 is always used. An e-mail address as the identifier must be verified, unless the form says that
no proof is needed; then the provider is trusted with addresses, and a notice says so.
"""

from typing import Any, Final

from identity_api.errors import ConfigurationError
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing.documents import read_json
from identity_api.tenants.importing.form import (
    Findings,
    Imported,
    Section,
    Target,
    Tenant,
    directories_for,
    issuer_of,
    sync_for,
)

CLIENTS: Final = "OIDC_AUTHLIB_OAUTH_CLIENTS"
DEFAULT_PROVIDER: Final = "DEFAULT_AUTH_PROVIDER"
METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
RISKY: Final = ("preferred_username", "upn", "name", "nickname", "unique_name")
"""Identifiers that people can change at some providers, so that they become another user here (S3-30, S3-31)."""


def read_sysreptor(target: Target, document: bytes, *, default_provider: str | None = None) -> Imported:
    """Read the object, alone or as the member `OIDC_AUTHLIB_OAUTH_CLIENTS` of the application settings.

    Args:
        default_provider: the value of `DEFAULT_AUTH_PROVIDER`, if it is not in the document.

    Raises:
        ConfigurationError: with every problem.
    """
    content = read_json(document)
    if isinstance(content, dict) and CLIENTS in content:
        default_provider = default_provider or content.get(DEFAULT_PROVIDER)
        content = content[CLIENTS]
        if isinstance(content, str):  # the form of application settings that come from variables
            content = read_json(content.encode())
    if not isinstance(content, dict) or not all(isinstance(one, dict) for one in content.values()) or not content:
        raise ConfigurationError([f"{CLIENTS}: must be an object of provider ids, each with an object."])
    findings, tenant = Findings(), target.named()
    found = {
        provider_id: _provider(tenant, provider_id, settings, findings) for provider_id, settings in content.items()
    }
    providers = tuple(provider for provider in found.values() if provider is not None)
    default = found.get(default_provider) if isinstance(default_provider, str) else None
    if default_provider is not None and default is None:
        findings.notices.append(f"{DEFAULT_PROVIDER}: names none of the providers; people choose one.")
    findings.notices.append("Identities are entered by an admin before people can sign in, as in SysReptor.")
    return findings.finish(
        [
            TenantDeclaration(
                slug=tenant.slug,
                name=tenant.name,
                hosts=tenant.hosts,
                default_provider=default.slug if default else None,
                providers=providers,
            )
        ]
    )


def _provider(
    tenant: Tenant, provider_id: str, settings: dict[str, Any], findings: Findings
) -> ProviderDeclaration | None:
    section = Section(settings, provider_id, findings)
    slug = provider_id.lower()
    if slug != provider_id:
        section.notice("label", f"the provider is called {slug!r} here; its redirect URI stays as it was.")
    if not tenant.hosts:
        section.notice("label", "without a host of the tenant the redirect URI is another one; register it.")
    address = section.required("server_metadata_url")
    place = issuer_of(address, section, "server_metadata_url", of=(tenant.slug, slug))
    client_secret, client = (
        section.text("client_secret"),
        Section(section.table("client_kwargs"), f"{provider_id}.client_kwargs", findings),
    )
    scopes = _scopes(client)
    fields = findings.provider(
        provider_id,
        slug=slug,
        label=section.text("label"),
        issuer=place.issuer,
        discovery_url=place.discovery_url,
        allowed_directories=directories_for(place.issuer, tenant),
        client_id=section.required("client_id"),
        client_secret=client_secret,
        client_authentication=_method(client, client_secret),
        redirect_url=tenant.redirect_url(f"/login/oidc/{provider_id}/callback"),
        scopes=scopes,
        authorization_parameters=_parameters(section),
        **_identifier(section),
        reauthentication=section.flag("reauth_supported"),
        provisioning="LINKED_ONLY",
        sync=sync_for(scopes),
        sync_mode="NONE",
    )
    _check_challenge(client)
    client.finish()
    section.finish()
    return fields


def _scopes(client: Section) -> tuple[str, ...]:
    """As written, possibly fewer than elsewhere (S3-15); without any, Authlib requests none."""
    return tuple((client.text("scope") or "openid").split())


def _check_challenge(client: Section) -> None:
    method = client.text("code_challenge_method")
    if method != "S256":
        said = "is absent" if method is None else "is another one"
        client.notice("code_challenge_method", f"{said} and was ignored: PKCE with S256 is always used here.")


def _method(client: Section, client_secret: str | None) -> str:
    """The client authentication; by default Authlib sends the secret in a header."""
    method = client.text("token_endpoint_auth_method")
    if method is not None and method not in METHODS:
        client.problem("token_endpoint_auth_method", f"must be one of {', '.join(METHODS)}.")
        return "none"
    return method or ("client_secret_basic" if client_secret else "none")


def _parameters(section: Section) -> dict[str, str]:
    """Further parameters of the authorization request, as Authlib takes them (S3-17)."""
    found = section.table("authorize_params")
    if not all(isinstance(value, str) for value in found.values()):
        section.problem("authorize_params", "must have texts for values.")
        return {}
    return found


def _identifier(section: Section) -> dict[str, Any]:
    """The UserInfo member that identifies people, and whether an address must be verified (S3-18 to S3-32)."""
    claim = section.text("user_identifier_claim") or "email"
    requires = section.flag("require_email_verified")
    rule = "IGNORE"
    if claim == "email":
        rule = "TRUSTED" if requires is False else "REQUIRED"
        if requires is False:
            section.notice(
                "require_email_verified",
                "is off: a person who can set an address at the provider can become another user. Prefer the claim sub.",
            )
        elif requires is None:
            section.notice("require_email_verified", "is not given; addresses must be verified.")
    elif claim in RISKY:
        section.notice("user_identifier_claim", "can be changed at some providers; prefer the claim sub.")
    place = f"userinfo / {claim}"
    return {
        "anchor_claim": place,
        "username_claim": ("preferred_username", "email"),
        "email_claim": "userinfo / email",
        "email_verified_rule": rule,
    }
