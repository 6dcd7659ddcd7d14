"""Who may change which local accounts: decided by the tenant's policy (S0-05, S0-06) and by its providers' settings."""

from uuid import UUID

from identity_api.db import local_accounts, local_profiles, locks, user_state
from identity_api.db.database import Connection
from identity_api.errors import NotFound, Refused
from identity_api.permissions.delegation import Actor


async def check_users_by_hand(connection: Connection, tenant_id: UUID) -> None:
    """Check that the tenant allows local users.

    Raises:
        Refused: `SSO_MANAGED`.
    """
    if (await local_accounts.policy(connection, tenant_id)).sso_managed:
        raise Refused("Users of this organisation are managed by its sign-in service.", code="SSO_MANAGED")


async def check_profile_by_hand(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """Check that no provider manages the user's profile: it would overwrite the change.

    Raises:
        Refused: `SSO_MANAGED`.
    """
    await check_users_by_hand(connection, tenant_id)
    slug = await local_profiles.provider_with_the_say(connection, tenant_id, user_id)
    if slug is not None:
        raise Refused(f"This profile comes from provider {slug}. Change it there.", code="SSO_MANAGED")


async def check_passwords_allowed(connection: Connection, tenant_id: UUID) -> None:
    """Check that the tenant allows passwords.

    Raises:
        Refused: `LOCAL_SIGN_IN_OFF`.
    """
    if not (await local_accounts.policy(connection, tenant_id)).local_sign_in:
        raise Refused("This organisation does not allow sign-in with a password.", code="LOCAL_SIGN_IN_OFF")


async def lock_user(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """Lock the user's row until the transaction ends.

    Raises:
        NotFound: no such user in the tenant.
    """
    await locks.users(connection, tenant_id, [user_id])
    if not await user_state.exists(connection, tenant_id, user_id):
        raise NotFound("There is no such user.")


def own_id(actor: Actor) -> UUID:
    """The actor's own account.

    Raises:
        Refused: the operator has none.
    """
    if actor.user_id is None:
        raise Refused("The operator has no account here.")
    return actor.user_id
