"""Every route says whether somebody can come by a session or a credential there, and by what."""

from identity_api.web.http.litestar_app import _HANDLERS
from identity_api.web.setup.routes import setup_handlers

BY_A_PROVIDER = {"callback", "callback_form", "complete_login", "exchange_code"}
"""A login that a provider's word ends, judged by `accounts.provisioning`; or the one-time code of one."""
BY_A_PASSWORD = {"local_login", "reauthenticate_by_password"}
"""And the second factor where there is one."""
BY_A_LINK = {"chosen"}
"""Which `createPasswordToken` has made, and asked the rule for."""
BY_AN_INVITATION = {"invitation_password"}
"""The first password of a user who has no other way in; `createInvitation` has made them."""
BY_BREAK_GLASS = {"break_glass_used"}
"""A code that the operator has made on the command line."""
BY_ONES_OWN = {"password_changed", "second_factor_begun", "second_factor_confirmed", "second_factor_removed"}
"""By the password, and the code, that there are."""
BEGINS = {
    "authorize",
    "login",
    "provider_login",
    "launch_login",
    "api_login",
    "initiate",
    "initiate_form",
    "invitation_login",
}
"""Leads to a provider; nobody is signed in by it."""
NONE = {
    "root", "reauthenticate_page", "open_link", "choose", "open_invitation", "invitation", "break_glass",
    "me", "check", "introspect_token", "account", "credentials", "onboarding",
    "end_session", "sign_out", "leave", "signed_out", "tested", "provider_keys", "backchannel_logout", "frontchannel_logout",
    "live", "ready", "account_version", "account_script", "metrics", "style",
    "metadata", "metadata_of_prefix", "openapi", "revoke_token",
}  # fmt: skip


def test_every_route_says_by_what_somebody_comes_in() -> None:
    """Whoever adds one decides."""
    known = [BY_A_PROVIDER, BY_A_PASSWORD, BY_A_LINK, BY_AN_INVITATION, BY_BREAK_GLASS, BY_ONES_OWN, BEGINS, NONE]
    names = [handler.handler_name for handler in _HANDLERS]
    assert sorted(names) == sorted([name for group in known for name in group])


SETS_UP = {
    "setup-link", "setup", "setup-done", "setup-language", "setup-vendor", "setup-registered", "setup-connect", "setup-test",
    "setup-tested", "setup-groups", "setup-mappings", "setup-mappings-remove", "setup-mapped", "setup-enable",
}  # fmt: skip
"""By a link that `createSetupLink` has made. They make and enable a provider within the rule for providers' settings, as an
actor who may give what the link names and nothing else; nobody is signed in by them."""

FIRST_RUN = {"first-run-link", "first-run", "first-run-tenant", "first-run-provider", "first-run-admin"}
"""By a link that is told where only the operator reads, while there is no tenant: what it makes is the operator's to make."""


def test_every_route_of_the_set_up_is_known() -> None:
    assert {handler.name for handler in setup_handlers()} == SETS_UP | FIRST_RUN
