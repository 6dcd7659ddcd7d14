"""What every form of the console says when it cannot do what was asked, beside what was typed, in the reader's language.

A right was lost while the page was open, the proof is old, somebody else was faster, or the service cannot change anything.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import pytest
from httpx import Response

from identity_api.graphql.access import rule_of
from identity_api.graphql.ids import global_id
from identity_api.web.console import routes
from identity_api.web.console.asking import ask, document_of
from identity_api.web.console.forms import FORMS, Form
from identity_api.web.http.errors import HTTPRefusal
from tests import factories as make
from tests.openid_provider import Fault
from tests.web.console.visitor import Visitor, admin_at, give, lose, user_at, words
from tests.web.local_site import from_page
from tests.web.site import Site

pytestmark = pytest.mark.asyncio

KEPT: Final = "kept-42"
TABLE: Final = f"group,permissions\n{KEPT},docs:read"
NEEDS: Final = {
    "identity:users:write": (
        "create_user", "disable_user", "enable_user", "erase_user", "sync_user", "unlock_user", "reset_second_factor",
        "create_password_link", "end_session", "link_identity", "unlink_identity", "release_identity",
        "create_api_token", "rotate_api_token", "revoke_api_token", "create_invitation", "revoke_invitation",
    ),
    "identity:grants:write": ("grant_permission", "revoke_permission"),
    "identity:permissions:write": ("create_permission", "update_permission", "delete_permission", "apply_undo"),
    "identity:mappings:write": (
        "create_mapping", "update_mapping", "delete_mapping", "apply_import", "propose_import", "propose_mapping",
        "approve_proposal", "reject_proposal",
    ),
    "identity:providers:write": (
        "create_provider", "update_provider", "enable_provider", "disable_provider", "set_provider_secret", "test_provider",
        "create_setup_link", "revoke_setup_link",
    ),
    "identity:clients:write": (
        "create_frontend", "update_frontend", "delete_frontend", "create_service_client", "rotate_service_client",
        "revoke_service_client",
    ),
    "identity:webhooks:write": (
        "create_webhook", "update_webhook", "test_webhook", "rotate_webhook", "replay_webhook", "delete_webhook",
    ),
}  # fmt: skip
"""The permission of each form, without which its page can still be read."""


def between(text: str, before: str, after: str = '"') -> str:
    return text.split(before)[1].split(after)[0]


class Desk:
    """An admin who has each of the console's pages open, with every form filled in."""

    def __init__(
        self, site: Site, admin: Visitor, ids: Mapping[str, str], fields: Mapping[str, dict[str, str]]
    ) -> None:
        self.site, self.admin, self.ids, self.fields = site, admin, ids, fields

    def page(self, form: Form) -> str:
        """The id of the thing on whose page the form is."""
        return self.ids.get(form.page, "")

    async def send(self, form: Form) -> Response:
        """The form, by a browser whose reader speaks German."""
        path = form.path.replace("{id:str}", self.page(form))
        headers = {**from_page(self.site), "accept-language": "de"}
        return await self.admin.client.post(path, data=self.fields[form.name], headers=headers)

    async def events(self) -> int:
        """Everything that was changed."""
        return int(
            await self.site.fetchval(
                "select count(*) from audit_event where tenant_id = $1 and action <> 'access.refused'",
                self.site.tenant.id,
            )
        )


async def desk_at(site: Site) -> Desk:
    """With a thing of every kind, made by the console itself where it can."""
    admin = await admin_at(site)
    await give(site, admin.user_id, ["docs:read"])
    await site.signed_in("bob")
    carl = await _second_admin(site)
    permission = await site.fetchval(
        "select id from permission where tenant_id = $1 and name = 'docs:read'", site.tenant.id
    )
    async with site.database.transaction() as connection:
        mapping = await make.make_mapping(connection, site.tenant.id, "engineering", [permission])
    bob = global_id("User", await user_at(site, "bob"))
    docs, provider = global_id("Permission", permission), global_id("Provider", site.provider.id)
    await admin.post("/console/webhooks", url="https://hooks.example/", description="Orders")
    await admin.post("/console/service-clients", name="docs")
    await admin.post("/console/frontends", slug="spa", return_urls="https://spa.example/")
    await admin.post("/console/tokens", user=bob, name="nightly", days="30", permissions=docs)
    await admin.post("/console/setup-links", slug="customer", label="Customer", days="3", permissions=docs)
    await admin.post("/console/permissions", name="new:read", delegable="yes")
    await admin.post("/console/invitations", username="guest", provider=provider, days="7")
    await carl.post("/console/mappings/import/propose", table="group,permissions\nsales,docs:read", reason="please")

    async def first(address: str, before: str) -> str:
        return between((await admin.get(address)).text, before)

    page = (await admin.get(f"/console/users/{bob}")).text
    ids = {
        "user": bob,
        "permission": docs,
        "provider": provider,
        "mapping": global_id("GroupMapping", mapping),
        "webhook": await first("/console/webhooks", 'href="/console/webhooks/'),
        "frontend": await _frontend(admin),
        "proposal": await first("/console/proposals", 'href="/console/proposals/'),
    }
    identity, session = between(page, 'name="identity" value="'), between(page, 'name="session" value="')
    client = await first("/console/service-clients", 'name="client" value="')
    token = await first("/console/tokens", 'name="token" value="')
    invitation = await first("/console/invitations", 'name="invitationId" value="')
    link = await first("/console/setup-links", 'name="link" value="')
    rule = {"pattern": KEPT, "match": "EXACT", "enabled": "yes", "permissions": docs, "provider": "", "version": "1"}
    front = {"return_urls": f"https://app.example/{KEPT}", "deliveries": "CODE"}
    fields: dict[str, dict[str, str]] = {
        **{form.name: {} for form in FORMS},
        "create_user": {"username": KEPT},
        "end_session": {"session": session},
        "link_identity": {"provider": provider, "anchor": KEPT},
        "unlink_identity": {"identity": identity},
        "release_identity": {"identity": identity},
        "grant_permission": {"given": docs},
        "revoke_permission": {"given": docs},
        "create_permission": {"name": f"{KEPT}:read"},
        "update_permission": {"description": KEPT, "delegable": "yes"},
        "create_mapping": rule,
        "update_mapping": {**rule, "pattern": f"{KEPT}-too"},
        "delete_mapping": {"version": "1", "delete": "yes"},
        "propose_mapping": rule,
        "apply_import": {"table": TABLE, "digest": "x"},
        "propose_import": {"table": TABLE},
        "apply_undo": {
            "event": await first("/console/audit?by=action&value=permission.created", "/console/undo?event=")
        },
        "approve_proposal": {"digest": "x"},
        "create_provider": {"slug": KEPT, "label": KEPT, "issuer": "https://op.example", "client_id": "x"},
        "update_provider": {"label": KEPT, "version": "1"},
        "set_provider_secret": {"client_secret": "a new secret"},
        "create_setup_link": {"slug": KEPT, "label": KEPT, "days": "3", "permissions": docs},
        "revoke_setup_link": {"link": link},
        "create_invitation": {"username": KEPT, "provider": provider, "days": "7"},
        "revoke_invitation": {"invitationId": invitation},
        "create_api_token": {"user": bob, "name": KEPT, "days": "30", "permissions": docs},
        "rotate_api_token": {"token": token, "days": "30"},
        "revoke_api_token": {"token": token},
        "create_frontend": {"slug": KEPT, **front},
        "update_frontend": front,
        "create_service_client": {"name": KEPT},
        "rotate_service_client": {"client": client},
        "revoke_service_client": {"client": client},
        "create_webhook": {"url": f"https://hooks.example/{KEPT}"},
        "update_webhook": {"url": f"https://hooks.example/{KEPT}", "enabled": "yes"},
        "replay_webhook": {"after": "0"},
    }
    return Desk(site, admin, ids, fields)


async def _frontend(admin: Visitor) -> str:
    """The one that no file manages."""
    page = (await admin.get("/console/frontends")).text
    return page.split(">spa</a>")[0].rpartition('href="/console/frontends/')[2].split('"')[0]


async def _second_admin(site: Site) -> Visitor:
    site.idp.add_person("carl", (), name="Carl Cole")
    carl = await admin_at(site, "carl")
    await give(site, carl.user_id, ["docs:read"])
    return carl


def shortcomings(form: Form, desk: Desk, answer: Response, status: int, *told: str) -> list[str]:
    """What is wrong with the page of a form that was not done: it is the form's page, says so once, and keeps what was typed."""
    text = words(answer)
    found = [f"{form.name}: status {answer.status_code}"] if answer.status_code != status else []
    found += [f"{form.name}: no {one}: {text.partition(' Sicherheit ')[0][250:700]}" for one in told if one not in text]
    if answer.text.count('role="alert"') < 1:
        found.append(f"{form.name}: it is not told")
    if "<nav" not in answer.text:
        found.append(f"{form.name}: it is no page of the console")
    if any(KEPT in value for value in desk.fields[form.name].values()) and KEPT not in answer.text:
        found.append(f"{form.name}: what was typed is gone")
    return found


def mutation_of(form: Form) -> str:
    return between(document_of(form.document), "outcome: ", "(")


async def test_the_table_has_every_form() -> None:
    assert sorted(name for names in NEEDS.values() for name in names) == sorted(form.name for form in FORMS)


async def test_a_right_that_was_lost_meanwhile_is_named_on_the_page_of_the_form(site: Site) -> None:
    desk, found = await desk_at(site), list[str]()
    before = await desk.events()
    for permission, names in NEEDS.items():
        await lose(site, desk.admin.user_id, permission)
        for form in [one for one in FORMS if one.name in names]:
            answer = await desk.send(form)
            # The problems of a set's changes are those of its input.
            status = 400 if "ChangeSet" in mutation_of(form) or form.name == "approve_proposal" else 403
            found += shortcomings(form, desk, answer, status, "Dazu fehlt Ihnen eine Berechtigung:", permission)
        await give(site, desk.admin.user_id, [permission])
    assert found == [], "\n".join(found)
    assert await desk.events() == before


async def test_an_old_proof_is_asked_for_anew_and_leads_back_to_the_page_of_the_form(site: Site) -> None:
    desk, found = await desk_at(site), list[str]()
    before = await desk.events()
    await site.execute("update provider set reauthentication = true where tenant_id = $1", site.tenant.id)
    await site.execute(
        "update session set authenticated_at = now() - interval '1 hour' where tenant_id = $1", site.tenant.id
    )
    for form in [one for one in FORMS if rule_of("Mutation", mutation_of(one)).is_sensitive]:
        answer = await desk.send(form)
        found += shortcomings(form, desk, answer, 403, "Bestätigen Sie zuerst, dass Sie es sind.")
        back = unquote(answer.text.partition("return_to=")[2].partition('"')[0])
        if not back.startswith("/console/") or (await desk.admin.get(back)).status_code != 200:
            found.append(f"{form.name}: leads back to {back!r}")
    assert found == [], "\n".join(found)
    assert await desk.events() == before


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("DATABASE_CANNOT_WRITE", "Gerade lässt sich nichts ändern."),
        ("TIMEOUT", "Es hat länger gedauert, als eine Anfrage darf."),
    ],
)
async def test_a_service_that_can_change_nothing_is_told_on_the_page_of_the_form(
    site: Site, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    """The answer of the API stands for the machine: `tests/faults` has the real one."""
    desk, found = await desk_at(site), list[str]()
    changing = {form.document for form in FORMS}

    async def refusing(deps: Any, context: Any, who: Any, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        if name in changing:
            raise HTTPRefusal(503, code, "In English.")
        return await ask(deps, context, who, name, variables)

    monkeypatch.setattr(routes, "ask", refusing)
    for form in FORMS:
        found += shortcomings(form, desk, await desk.send(form), 503, told)
    assert found == [], "\n".join(found)


async def test_a_preview_that_takes_too_long_keeps_the_table(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await desk_at(site)

    async def slow(deps: Any, context: Any, who: Any, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        if variables.get("previews"):
            raise HTTPRefusal(503, "TIMEOUT", "In English.")
        return await ask(deps, context, who, name, variables)

    monkeypatch.setattr(routes, "ask", slow)
    answer = await desk.admin.post("/console/mappings/import", table=TABLE)
    assert answer.status_code == 200, "as any preview that is refused"
    assert "It took longer than a request may." in words(answer)
    assert f"{KEPT},docs:read</textarea>" in answer.text


FASTER: Final = {
    "create_user": ("create_user", "Den Benutzernamen hat schon jemand."),
    "create_permission": ("create_permission", "Eine Berechtigung dieses Namens gibt es schon."),
    "create_mapping": ("create_mapping", "Eine solche Zuordnung gibt es schon."),
    "update_mapping": ("update_mapping", "Inzwischen wurde etwas geändert"),
    "delete_mapping": ("update_mapping", "Inzwischen wurde etwas geändert"),
    "apply_import": ("create_mapping", "Ein Wert geht so nicht: The table changes nothing"),
    "update_provider": ("update_provider", "Inzwischen wurde etwas geändert"),
    "create_frontend": ("create_frontend", "Den Namen gibt es schon"),
    "create_service_client": ("create_service_client", "Den Namen gibt es schon"),
    "approve_proposal": ("reject_proposal", "Über den Vorschlag ist entschieden"),
    "reject_proposal": ("reject_proposal", "Über den Vorschlag ist entschieden"),
    "revoke_api_token": ("revoke_api_token", "Das gibt es nicht"),
    "rotate_api_token": ("revoke_api_token", "Das gibt es nicht"),
    "revoke_service_client": ("revoke_service_client", "Das gibt es nicht"),
    "rotate_service_client": ("revoke_service_client", "Das gibt es nicht"),
    "revoke_setup_link": ("revoke_setup_link", "Das gibt es nicht"),
    "end_session": ("end_session", "Das gibt es nicht"),
}
"""The form, what another admin was faster with, and what is told."""


async def test_who_was_faster_is_told_on_the_page_of_the_form(site: Site) -> None:
    desk, found, forms = await desk_at(site), list[str](), {form.name: form for form in FORMS}
    done: set[str] = set()
    for name, (faster, told) in FASTER.items():
        if faster not in done:
            answer = await desk.send(forms[faster])
            done.add(faster)
            if answer.status_code not in (200, 303) or 'role="alert"' in answer.text:
                found.append(f"{faster}: {answer.status_code} {words(answer)[:300]}")
        answer = await desk.send(forms[name])
        found += shortcomings(forms[name], desk, answer, answer.status_code, told)
        if not 400 <= answer.status_code < 500:
            found.append(f"{name}: status {answer.status_code}")
    assert found == [], "\n".join(found)


async def test_what_is_gone_leads_back_into_the_console(site: Site) -> None:
    desk, forms = await desk_at(site), {form.name: form for form in FORMS}
    for removed, later in (("delete_webhook", "update_webhook"), ("delete_frontend", "update_frontend")):
        gone = await desk.send(forms[removed])
        assert gone.status_code == 303, words(gone)
        answer = await desk.send(forms[later])
        assert answer.status_code == 404
        assert "<h1>Das geht hier nicht</h1>" in answer.text
        assert '<a class="button" href="/console">Zur Konsole</a>' in answer.text
        assert 'aria-current="true"' in answer.text, "the section is still marked"


async def test_a_provider_that_does_not_answer_is_told_by_its_test_and_again_by_the_next(site: Site) -> None:
    desk, form = await desk_at(site), next(one for one in FORMS if one.name == "test_provider")
    with site.idp.fault(Fault.ERROR_503):
        answer = await desk.send(form)
        assert answer.status_code == 200
        assert "status 503" in words(answer)
    assert "status 503" not in words(await desk.send(form))
