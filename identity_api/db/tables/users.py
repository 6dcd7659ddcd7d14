"""Users, and what protects their passwords."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from identity_api.db.tables.columns import array, binary, flag, key, number, reference, text, time


class AppUser(Table, tablename="app_user"):
    """A user of the tenant. Only an admin sets `disabled_at`; a sync never does."""

    id = key()
    tenant_id = reference()
    username = text()
    username_folded = text()
    display_label = text()
    display_label_folded = text()
    email = text(null=True)
    email_folded = text(null=True)
    email_verified = Boolean(default=None, null=True)
    disabled_at = time(null=True)
    password_hash = text(null=True)
    epoch = number()
    created_at = time()
    active_at = time()
    """When the person last made a request; written at most once an hour."""
    is_linked = flag()
    """Has an identity, in whatever state; written with the first one, whose row stays when it is unlinked."""
    admitted_until = time(null=True)
    """Until when a used break-glass credential lets the user in; null for everybody else."""
    erased_at = time(null=True)
    """When the person's data was removed; the row stays for what refers to it."""


class UserRead(Table, tablename="user_read"):
    """The read model: a user's facts in one row, `id` being the user's. Written in the transaction that changes them."""

    id = key()
    tenant_id = reference()
    facts = text()
    """JSON, shaped as `permissions.grant_snapshot.GrantSnapshot`."""
    brief = text()
    """JSON, shaped as `permissions.grant_snapshot.BriefSnapshot`: what decides permissions, and the grants as they are shown."""


class LocalAccount(Table, tablename="local_account"):
    """What protects a user's password, `id` being the user's; the password's hash is in `app_user`."""

    id = key()
    tenant_id = reference()
    failures = number()
    """Wrong tries since the last right one, by browsers that have not signed in to the account before."""
    locked_until = time(null=True)
    totp_sealed = binary(null=True)
    totp_confirmed_at = time(null=True)
    """Null until a code has confirmed the secret; it has no effect until then."""
    totp_step = BigInt(default=None, null=True)
    """The newest time step whose code was used (RFC 6238 section 5.2); no code up to it works again."""


class PasswordTry(Table, tablename="password_try"):
    """Wrong tries at one account from one source within a day."""

    tenant_id = key()
    user_id = reference()
    source_hash = binary()
    is_known = flag()
    """True for a browser that has signed in with this password; false for an address."""
    failures = number()
    locked_until = time(null=True)
    tried_at = time()


class PasswordToken(Table, tablename="password_token"):
    """An admin's permission to set a user's password, once."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    token_hash = binary()
    created_at = time()
    expires_at = time()
    used_at = time(null=True)


class Invitation(Table, tablename="invitation"):
    """A link for a user who was made with it and has no other way in. Only the link's hash is kept."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    provider_id = reference(null=True)
    """Where the person is to sign in; null if they choose a password."""
    maker_id = reference(null=True)
    """The admin whose rights limit it; null if the operator made it."""
    made_by = text()
    """The maker as the audit names them."""
    token_hash = binary()
    created_at = time()
    expires_at = time()
    ended_at = time(null=True)
    ended_reason = text(null=True)


class BreakGlass(Table, tablename="break_glass"):
    """A code that signs its user in once, for its minutes. Only the code's hash is kept."""

    id = key()
    tenant_id = reference()
    user_id = reference()
    token_hash = binary()
    permissions = array(Text(default=None))
    created_by = text()
    created_at = time()
    expires_at = time()
    """Until when it can be used."""
    minutes = number()
    used_at = time(null=True)
    revoked_at = time(null=True)
