"""Infrahub's SSO settings: TOML and environment variables, three slots for each of two protocols (S2-01 to S2-40).

Environment variables win over the file, as in Infrahub. Differences: PKCE is always used, the check of the ID Token's
signature cannot be switched off, and adopting an account by its name is off unless the form switches it on.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from identity_api.errors import ConfigurationError
from identity_api.providers.declaration import ProviderDeclaration
from identity_api.tenants.declaration import TenantDeclaration
from identity_api.tenants.importing.documents import read_toml
from identity_api.tenants.importing.form import (
    DEFAULT_SCOPES,
    Findings,
    Imported,
    Section,
    Target,
    Tenant,
    directories_for,
    issuer_of,
    server_of,
)

Protocol = Literal["oidc", "oauth2"]
PROTOCOLS: tuple[Protocol, ...] = ("oidc", "oauth2")
SLOTS = ("provider1", "provider2", "google")
_SLUGS = (*SLOTS, *[f"oauth2-{name}" for name in SLOTS])
_SLOT_VARIABLE = re.compile(r"INFRAHUB_(OIDC|OAUTH2)_(.+)")
_SECURITY_VARIABLE = re.compile(r"INFRAHUB_SECURITY_(OIDC_PROVIDERS|OAUTH2_PROVIDERS|SSO_ACCOUNT_NAME_FALLBACK)")


def read_infrahub(
    target: Target, *, document: bytes | None = None, environ: Mapping[str, str] | None = None
) -> Imported:
    """Read the TOML document, the variables, or both together.

    Raises:
        ConfigurationError: with every problem; a switched-off signature check is one, by its name.
    """
    findings, tenant = Findings(), target.named()
    content = read_toml(document).get("security", {}) if document is not None else {}
    if not isinstance(content, dict):
        raise ConfigurationError(["security: must be a table."])
    slots = _slots(content, environ or {}, findings)
    security = _security(content, environ or {}, findings)
    enabled = {protocol: _listed(security, protocol) for protocol in PROTOCOLS}
    adopts = _adopts_by_name(security)
    if not any(enabled.values()):
        findings.problems.append("At least one slot must be listed in oidc_providers or oauth2_providers.")
    providers: list[ProviderDeclaration] = []
    taken: set[str] = set()
    for protocol in PROTOCOLS:
        for name in SLOTS:
            if (protocol, name) not in slots and name not in enabled[protocol]:
                continue
            # A slug belongs to one provider, and Infrahub has the same slots for both protocols.
            slug = name if protocol == "oidc" or ("oidc", name) not in slots else f"oauth2-{name}"
            slot = _Slot(protocol, name, slug, _position(protocol, name, enabled))
            section = slots.get((protocol, name)) or Section({}, slot.place, findings)
            provider = _provider(tenant, slot, section, findings, adopts=adopts)
            section.finish()
            providers += [provider] if provider else []
            taken.add(slug)
    findings.switched_off += [(tenant.slug, slug) for slug in _SLUGS if slug not in taken]
    return findings.finish(
        [TenantDeclaration(slug=tenant.slug, name=tenant.name, hosts=tenant.hosts, providers=tuple(providers))]
    )


class _Slot(msgspec.Struct, frozen=True):
    """One slot that has settings or is listed."""

    protocol: Protocol
    name: str
    slug: str
    position: int | None
    """Its place among the buttons; None for a slot that is not listed."""

    @property
    def place(self) -> str:
        return f"security.{self.protocol}_provider_settings.{self.name}"


def _slots(
    content: Mapping[str, Any], environ: Mapping[str, str], findings: Findings
) -> dict[tuple[Protocol, str], Section]:
    """The settings of every slot that has any: of the file, overwritten by the variables (S2-03, S2-22, S2-23)."""
    values: dict[tuple[Protocol, str], dict[str, Any]] = {}
    names: dict[tuple[Protocol, str], dict[str, str]] = {}
    for protocol in PROTOCOLS:
        tables = Section(content, "security", findings).table(f"{protocol}_provider_settings")
        for written, table in tables.items():
            place, slot = f"security.{protocol}_provider_settings.{written}", written.lower()
            if slot not in SLOTS or not isinstance(table, dict) or (protocol, slot) in values:
                findings.problems.append(f"{place}: must be the only table of one of {', '.join(SLOTS)}.")
                continue
            values[protocol, slot] = dict(table)
            names[protocol, slot] = {key: f"{place}.{key}" for key in table}
    for variable, value in environ.items():
        found = _SLOT_VARIABLE.fullmatch(variable.upper())
        if found is None:
            continue
        protocol = "oidc" if found[1] == "OIDC" else "oauth2"
        slot = next((one for one in SLOTS if found[2].startswith(f"{one.upper()}_")), "")
        if not slot:
            findings.problems.append(f"{variable}: the slots are {', '.join(SLOTS)}.")
            continue
        key = found[2][len(slot) + 1 :].lower()
        values.setdefault((protocol, slot), {})[key] = value
        names.setdefault((protocol, slot), {})[key] = variable
    return {where: Section(values[where], ".".join(where), findings, names[where]) for where in values}


def _security(content: Mapping[str, Any], environ: Mapping[str, str], findings: Findings) -> Section:
    """The settings beside the slots, of the file, overwritten by the variables (S2-14, S2-21, S2-35)."""
    values, names = dict(content), dict[str, str]()
    for variable, value in environ.items():
        if found := _SECURITY_VARIABLE.fullmatch(variable.upper()):
            values[found[1].lower()] = value
            names[found[1].lower()] = variable
    return Section(values, "security", findings, names)


def _position(protocol: Protocol, name: str, enabled: Mapping[Protocol, list[str]]) -> int | None:
    """The place of the slot's button: in the order of the lists, those of OpenID Connect first."""
    listed = [(one, slot) for one in PROTOCOLS for slot in enabled[one]]
    return listed.index((protocol, name)) if (protocol, name) in listed else None


def _listed(security: Section, protocol: Protocol) -> list[str]:
    """The slots that are switched on: a list, in a variable as a JSON array."""
    key = f"{protocol}_providers"
    value = security.value(key)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            security.problem(key, "must be a JSON array of slots.")
            return []
    if value is None:
        return []
    slots = [one.lower() if isinstance(one, str) else "" for one in value] if isinstance(value, list) else [""]
    if not slots or not set(slots) <= set(SLOTS):
        security.problem(key, f"must list at least one of {', '.join(SLOTS)}, and nothing else.")
    return [slot for slot in dict.fromkeys(slots) if slot in SLOTS]


def _adopts_by_name(security: Section) -> bool:
    """Account name fallback: on by default in Infrahub, off here (S2-32 to S2-38)."""
    key = "sso_account_name_fallback"
    adopts = security.flag(key)
    if adopts is None:
        security.notice(key, "is not given. In Infrahub that means on; it was imported as off.")
    elif adopts:
        security.notice(key, "is on, and deprecated in Infrahub. Switch adopt_by_name off once everybody is linked.")
    return adopts is True


def _provider(
    tenant: Tenant, slot: _Slot, section: Section, findings: Findings, *, adopts: bool
) -> ProviderDeclaration | None:
    _check_switches(section, slot.protocol)
    if slot.position is None:
        section.notice("client_id", "the slot is not listed; it was imported as a disabled provider.")
    if not tenant.hosts:
        section.notice("client_id", "without a host of the tenant the redirect URI is another one; register it.")
    fields = _google(section) if slot.name == "google" else _addresses(tenant, slot, section)
    return findings.provider(
        slot.place,
        **fields,
        slug=slot.slug,
        protocol=slot.protocol,
        label=section.text("display_label"),
        icon=section.text("icon"),
        position=slot.position,
        enabled=slot.position is not None,
        client_id=section.required("client_id"),
        client_secret=section.text("client_secret"),
        redirect_url=tenant.redirect_url(f"/auth/{slot.protocol}/{slot.name}/callback"),
        scopes=DEFAULT_SCOPES,
        authorization_parameters={},
        anchor_claim="sub",
        username_claim="name",
        display_claim="name",
        provisioning="JIT",
        adopt_by_name=adopts,
        email_verified_rule="IGNORE",
        sync="OFF",
        sync_mode="NONE",
    )


def _check_switches(section: Section, protocol: Protocol) -> None:
    if section.flag("pkce_enabled") is False:
        section.notice("pkce_enabled", "is off and was ignored: PKCE is always used here.")
    if protocol == "oidc" and section.flag("id_token_verify_signature") is False:
        section.problem(
            "id_token_verify_signature", "the check of the ID Token's signature cannot be switched off here."
        )


def _google(section: Section) -> dict[str, Any]:
    """The slot that needs a client id and a secret only (S2-04, S2-05)."""
    section.notice("client_id", "everybody with a Google account can sign in, unless the consent screen is Internal.")
    return {"preset": "google"}


def _addresses(tenant: Tenant, slot: _Slot, section: Section) -> dict[str, Any]:
    if slot.protocol == "oidc":
        place = issuer_of(section.required("discovery_url"), section, "discovery_url", of=(tenant.slug, slot.slug))
        return {
            "issuer": place.issuer,
            "discovery_url": place.discovery_url,
            "allowed_directories": directories_for(place.issuer, tenant),
        }
    authorization = section.required("authorization_url")
    endpoints = {"token": section.required("token_url"), "userinfo": section.required("userinfo_url")}
    return {"issuer": server_of(authorization), "endpoints": {"authorization": authorization, **endpoints}}
