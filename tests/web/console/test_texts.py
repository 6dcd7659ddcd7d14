"""The catalogue of texts: complete in every language, and with nothing in it that no page shows."""

import re
from enum import StrEnum
from importlib.resources import files

import pytest

from identity_api.change_sets.warnings import WarningKind
from identity_api.diagnostics import ALL
from identity_api.diagnostics.api_errors import API
from identity_api.graphql.clients.api_tokens import ApiTokenEndReason
from identity_api.group_mappings.findings import FindingKind
from identity_api.web.console.forms import FORMS
from identity_api.web.console.pages import PAGES
from identity_api.web.console.texts import CATALOGUE, choose
from tests.diagnostics.codes import ROOT, codes_in

FOLDER = files("identity_api.web.console")
TEMPLATES = "".join(file.read_text("utf-8") for file in (FOLDER / "templates").iterdir())
FAMILIES = set(re.findall(r't\.code\("(\w+)"|sentence\(t, "(\w+)"', TEMPLATES))
FAMILIES = {name for found in FAMILIES for name in found if name} | {"language", "title", "done"}
BEHIND_FORMS = (
    "accounts", "change_sets", "claims", "db", "graphql", "group_mappings", "permissions", "providers", "sessions/clients.py",
    "sessions/step_up.py", "setup/links.py", "tenants/frontends.py", "webhooks", "web/http/change_reason.py", "errors.py",
    "limits.py",
)  # fmt: skip
"""Where the errors of what a form calls are made."""
ELSEWHERE = {
    "a person's own credentials": {
        "PASSWORDS_DIFFER", "PASSWORD_TOO_COMMON", "PASSWORD_TOO_LONG", "PASSWORD_TOO_SHORT", "PASSWORD_TOKEN_UNKNOWN",
        "TOTP_ENROLLED", "TOTP_NOT_PREPARED",
    },
    "what no form of the console does": {
        "LAST_SECRET", "TOO_MANY_KEYS", "NO_KEYS_NEEDED", "PROVIDER_ENABLED", "PROVIDER_IN_USE", "SETUP_LINK_ENDED",
        "INVITATION_UNKNOWN", "ANCHORS_LOST",
    },
    "a start or a command": {"CONFIGURATION"},
    "no document of the console": {"STREAM_NEEDED", "DOCUMENT_REFUSED", "INTROSPECTION_DISABLED"},
}  # fmt: skip
"""Codes that are made there, and that no form meets."""


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", sorted(set(CATALOGUE) - {"en"}))
def test_a_language_has_every_text_with_the_same_places(language: str) -> None:
    assert CATALOGUE[language].keys() == CATALOGUE["en"].keys()
    wrong = [key for key, text in CATALOGUE[language].items() if places(text) != places(CATALOGUE["en"][key])]
    assert wrong == []


def test_every_text_that_a_page_names_is_there_and_every_text_is_used() -> None:
    named = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)?)"', TEMPLATES))
    stems = tuple(re.findall(r't\("([a-z_.]+)" ~', TEMPLATES))
    called = set(re.findall(r'\bt\("([a-z_.]+)"[,)]', TEMPLATES))
    called |= {page.title for page in PAGES} | {form.done for form in FORMS if form.leads_to}
    assert called - CATALOGUE["en"].keys() == set()
    unused = {
        key for key in CATALOGUE["en"] if key.split(".")[0] not in FAMILIES and not key.startswith(stems or ("-",))
    }
    assert unused - named == set()


def test_every_problem_that_a_form_can_meet_is_told_in_the_languages_of_the_console() -> None:
    met = set().union(*[codes_in(ROOT / place) for place in BEHIND_FORMS]) & API.keys()
    told = {key.removeprefix("problem.") for key in CATALOGUE["en"] if key.startswith("problem.")}
    assert met - told - set().union(*ELSEWHERE.values()) == set()
    assert told & set().union(*ELSEWHERE.values()) == set()
    assert told - ALL.keys() == set()


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("warning", WarningKind),
        ("access", FindingKind),
        ("access_remedy", FindingKind),
        ("token_end", ApiTokenEndReason),
    ],
)
def test_every_warning_finding_and_end_is_told_in_the_languages_of_the_console(
    family: str, kind: type[StrEnum]
) -> None:
    assert {key for key in CATALOGUE["en"] if key.startswith(f"{family}.")} == {f"{family}.{one}" for one in kind}


@pytest.mark.parametrize(
    ("header", "chosen", "language"),
    [
        (None, None, "en"),
        ("de", None, "de"),
        ("de;q=0", None, "en"),
        ("DE-at", None, "de"),
        ("en;q=0.3, de;q=0.9", None, "de"),
        ("en, de", None, "en"),
        ("*;q=0.5, \x00,,;q=,de;q=9", None, "en"),
        ("de", "en", "en"),
        ("en", "xx", "en"),
    ],
)
def test_the_best_language_that_a_browser_asks_for(header: str | None, chosen: str | None, language: str) -> None:
    assert choose(header, chosen).language == language
