"""Logins under way."""

from piccolo.table import Table

from identity_api.db.tables.columns import binary, flag, key, reference, text, time


class LoginAttempt(Table, tablename="login_attempt"):
    """A login under way: what it was begun with, and the hashes that bind it to one browser (I4)."""

    id = key()
    tenant_id = reference()
    provider_id = reference(null=True)
    """None for a local sign-in, which has happened before there is a row: it carries the one-time code to the frontend."""
    frontend_id = reference(null=True)
    delivery = text()
    return_to = text()
    session_origin = text()
    path_prefix = text()
    """Empty on a tenant's host, `/t/{tenant}` on the public one; where the session's cookie host answers for the tenant."""
    client_state = text(null=True)
    client_challenge = text(null=True)
    login_hint = text(null=True)
    reauthentication = flag()
    """A step-up: a signed-in user authenticates again."""
    redirect_url = text()
    issuer = text()
    state_hash = binary(null=True)
    nonce_hash = binary(null=True)
    code_verifier_sealed = binary(null=True)
    session_binding_hash = binary(null=True)
    callback_binding_hash = binary(null=True)
    created_at = time()
    expires_at = time()
    launched_at = time(null=True)
    consumed_at = time(null=True)
    outcome = text(null=True)
    test_id = reference(null=True)
    """The provider test, if it is a test login: then it signs nobody in and changes nothing."""
    invitation_id = reference(null=True)
    """The invitation with which the person came, whose user they become if they are nobody here yet."""


class LoginHandle(Table, tablename="login_handle"):
    """A one-time handle that moves a prepared login into the person's browser."""

    id = key()
    tenant_id = reference()
    attempt_id = reference()
    token_hash = binary()
    stage = text()
    expires_at = time()
    used_at = time(null=True)


class OneTimeCode(Table, tablename="one_time_code"):
    """A finished login waiting to be picked up: by the session's host (`COMPLETE`) or by a frontend (`TOKEN`)."""

    id = key()
    tenant_id = reference()
    attempt_id = reference()
    user_id = reference()
    identity_id = reference(null=True)
    """None for a login with a local password."""
    kind = text()
    code_hash = binary()
    provider_session = text(null=True)
    id_token_sealed = binary(null=True)
    authenticated_at = time()
    expires_at = time()
    used_at = time(null=True)
    session_id = reference(null=True)
