"""No code without an explanation, and no explanation of a code that nobody can meet. S0-60 to S0-63."""

import re
from enum import StrEnum
from pathlib import Path
from typing import get_args

import pytest

from identity_api.claims import Reason as GroupsReason
from identity_api.db.listings import IdentityState
from identity_api.diagnostics import ALL, TABLES, TRANSLATED, explain, explain_failure
from identity_api.diagnostics.markdown import troubleshooting_markdown
from identity_api.lifecycle.end_login import Reason as EndReason
from identity_api.oidc.token_endpoint import REAUTHENTICATION_ERRORS, TEMPORARY_ERRORS
from tests.diagnostics.codes import codes, sync_reasons, texts

MADE = {"too_large", "not_json", "not_a_json_object", "nested_too_deeply", "unusable_access_token"} | {
    *("unusable_token_type", "unusable_refresh_token", "unusable_id_token"),
}
"""Answers of the token endpoint's reader whose text is made, not written."""


def names(enum: type[StrEnum]) -> set[str]:
    return {member.value for member in enum}


def test_every_code_of_an_error_or_a_finding_is_explained() -> None:
    assert codes() - set(ALL) == set()


def test_every_reason_of_a_sync_is_explained() -> None:
    made = sync_reasons() | set(TEMPORARY_ERRORS) | set(get_args(EndReason))
    assert {reason for reason in made if explain(reason).meaning == explain("?").meaning} == set()
    assert REAUTHENTICATION_ERRORS, "these all become reauth_required"


def test_every_state_and_every_reading_of_groups_is_explained() -> None:
    assert set(get_args(IdentityState)) - set(TABLES["sync"]) == set()
    assert names(GroupsReason) - set(TABLES["sync"]) == set()


def test_nothing_is_explained_that_nobody_can_meet() -> None:
    met = texts() | MADE
    assert {code for code in ALL if code.partition(":")[0] not in met} == set()


def test_the_page_has_every_code_and_is_what_the_code_says() -> None:
    """No code without a line, and the page in the repository is the one that `make schema` writes."""
    page = troubleshooting_markdown()
    assert {code for code in ALL if f"| `{code}` | " not in page} == set()
    written = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
    # Compared beforehand, because showing how two long pages differ takes minutes.
    is_current = written.read_text("utf-8") == page
    assert is_current, "docs/troubleshooting.md is not what the code says: make schema"


def test_a_code_is_in_one_table() -> None:
    assert sum(len(table) for table in TABLES.values()) == len(ALL)


@pytest.mark.parametrize("code", ALL)
def test_an_explanation_is_two_sentences_and_breaks_no_table(code: str) -> None:
    told = ALL[code]
    for text in told:
        assert text[0].isupper() or text[0] in "`/"
        assert text.endswith(".")
        assert "|" not in text
        assert "\n" not in text


def test_a_failure_is_explained_as_exactly_as_its_reason_tells() -> None:
    assert "another client" in explain_failure("TOKEN_REFUSED", "CLAIM_MISMATCH:aud").meaning
    assert explain_failure("TOKEN_REFUSED", "CLAIM_MISMATCH:unheard_of").meaning.endswith("expected: `unheard_of`.")
    assert explain_failure("TOKEN_REFUSED", "CLAIM_MISMATCH") == ALL["CLAIM_MISMATCH"]
    assert explain_failure("PROVIDER_UNAVAILABLE", "INVALID_METADATA:jwks_uri").meaning.endswith(": `jwks_uri`.")
    assert explain_failure("PROVIDER_UNAVAILABLE", "ISSUER_MISMATCH") == ALL["ISSUER_MISMATCH"]
    assert explain_failure("PROVIDER_UNAVAILABLE", "DOCUMENT_STATUS") == ALL["DOCUMENT_STATUS"]
    assert "secret" in explain_failure("PROVIDER_MISCONFIGURED", "TOKEN_REQUEST_REFUSED:invalid_client").meaning
    assert explain_failure("PROVIDER_REFUSED", "access_denied") == ALL["PROVIDER_REFUSED:access_denied"]
    assert explain_failure("LOGIN_EXPIRED", None) == ALL["LOGIN_EXPIRED"]
    assert explain_failure("ACCOUNT_DISABLED", "0192-some-id") == ALL["ACCOUNT_DISABLED"]


@pytest.mark.parametrize("language", TRANSLATED)
def test_another_language_has_what_pages_for_admins_show_and_nothing_else(language: str) -> None:
    shown = {code for name in ("logins", "self_test", "reasons") for code in TABLES[name]}
    assert set(TRANSLATED[language]) == shown | {"UNKNOWN", "SETTINGS_DIFFER"}
    for code, told in TRANSLATED[language].items():
        for text, english in zip(told, ALL.get(code, told), strict=True):
            assert text.endswith((".", "?"))
            assert sorted(re.findall("`[^`]+`", text)) == sorted(re.findall("`[^`]+`", english)), code


def test_a_failure_is_explained_in_another_language_as_exactly() -> None:
    assert "anderen Client" in explain_failure("TOKEN_REFUSED", "CLAIM_MISMATCH:aud", "de").meaning
    assert explain_failure("TOKEN_REFUSED", "CLAIM_MISMATCH:odd", "de").meaning.endswith("als erwartet: `odd`.")
    told = explain_failure("PROVIDER_UNAVAILABLE", "TOKEN_ENDPOINT_UNAVAILABLE:502", "de")
    assert told.meaning.endswith("eigenen Fehler (Status 502).")
    assert explain_failure("NEVER_HEARD_OF", None, "de").meaning == "Etwas, das keine eigene Erklärung hat."


def test_the_reasons_of_a_sync_are_the_codes_in_lower_case() -> None:
    assert explain("token_expired") == ALL["TOKEN_EXPIRED"]
    assert explain("groups_overage") == ALL["GROUPS_OVERAGE"]
