"""Mutations of the user's own password and second factor.

Each requires the current password, or a code that only the user can have: a session alone cannot change them, and an
API token cannot at all. Wrong tries count as at sign-in.
"""

import msgspec
import strawberry

from identity_api.accounts import local_passwords, second_factor
from identity_api.accounts.deps import AccountDeps
from identity_api.errors import Refused
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.users.user_changes import UserChanged, UserChangedRow, changed_user


@strawberry.input(description="One's current and new password, and a one-time code if one has a second factor.")
class ChangePasswordInput:
    """The current and the new password; with a second factor, also a code."""

    current: str = strawberry.field(description="The current password.")
    new: str = strawberry.field(description="The new password.")
    code: str | None = strawberry.field(
        default=None,
        description="A one-time code of the authenticator. Needed if one has a second factor.",
    )


@strawberry.input(description="The proof that the user sets up the second factor themself.")
class EnrolTotpInput:
    """The password."""

    current: str = strawberry.field(description="The current password.")


@strawberry.input(description="The proof that the authenticator has the key.")
class ConfirmTotpInput:
    """What the authenticator shows."""

    code: str = strawberry.field(description="The one-time code that the authenticator shows.")


@strawberry.input(description="The proof that the user removes the second factor themself.")
class RemoveTotpInput:
    """The password, and a code of the authenticator."""

    current: str = strawberry.field(description="The current password.")
    code: str | None = strawberry.field(
        default=None,
        description="A one-time code of the authenticator. Needed once the second factor is confirmed.",
    )


@object_type(description="What an authenticator app needs. It has no effect until `confirmTotp`.")
class TotpPrepared:
    """Of `enrolTotp`."""

    key: str = strawberry.field(description="The key in Base32, for typing.")
    uri: str = strawberry.field(description="The key as an `otpauth:` URI, for a QR code.")

    is_type_of = is_row_of(lambda: TotpPreparedRow)


class TotpPreparedRow(msgspec.Struct, frozen=True):
    """The row behind `TotpPrepared`."""

    key: str
    uri: str

    def __repr__(self) -> str:
        return "TotpPreparedRow()"


@object_type("Mutation")
class OwnCredentialMutations:
    """Root fields about one's own credentials."""

    @mutation("ChangePasswordPayload", UserChanged, "Change one's password. All other sessions that came from it end.")
    async def change_password(self, info: Info, input: ChangePasswordInput) -> UserChangedRow:
        """The session of the request stays."""
        context = info.context
        deps = _deps(context)
        session_id = context.authenticated.session_id
        await local_passwords.change_password(
            deps, context.actor, input.current, input.new, session_id=session_id, code=_typed(input.code)
        )
        return await changed_user(context, context.user_id)

    @mutation("EnrolTotpPayload", TotpPrepared, "Begin to set up one's second factor; `confirmTotp` completes it.")
    async def enrol_totp(self, info: Info, input: EnrolTotpInput) -> TotpPreparedRow:
        """The authenticator app shows the tenant's name."""
        context = info.context
        issuer = context.authenticated.tenant_slug
        made = await second_factor.enrol_totp(_deps(context), context.actor, input.current, issuer=issuer)
        return TotpPreparedRow(made.secret, made.uri)

    @mutation(
        "ConfirmTotpPayload",
        UserChanged,
        "Confirm one's second factor: signing in with the password asks for a code, and other sessions from it end.",
    )
    async def confirm_totp(self, info: Info, input: ConfirmTotpInput) -> UserChangedRow:
        """By a code of the authenticator."""
        context = info.context
        deps, session_id = _deps(context), context.authenticated.session_id
        await second_factor.confirm_totp(deps, context.actor, _typed(input.code) or "", session_id=session_id)
        return await changed_user(context, context.user_id)

    @mutation("RemoveTotpPayload", UserChanged, "Remove one's second factor.")
    async def remove_totp(self, info: Info, input: RemoveTotpInput) -> UserChangedRow:
        """By the password and a code."""
        context = info.context
        await second_factor.remove_totp(_deps(context), context.actor, input.current, _typed(input.code))
        return await changed_user(context, context.user_id)


def _typed(code: str | None) -> str | None:
    """The code without the spaces that authenticators show; None for an empty one."""
    return "".join(code.split()) or None if code is not None else None


def _deps(context: Context) -> AccountDeps:
    """The parts, for a request with a session.

    Raises:
        Refused: `SESSION_NEEDED` for an API token.
    """
    if context.authenticated.kind == "API_TOKEN":
        raise Refused("An API token cannot do this. Sign in.", code="SESSION_NEEDED")
    return context.deps.accounts
