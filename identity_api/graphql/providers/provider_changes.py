"""Mutations of providers. Secrets are write-only; every rule is in `providers.administration`."""

from datetime import datetime
from uuid import UUID

import msgspec
import strawberry

from identity_api.config import Secret
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.providers.provider_inputs import (
    CreateProviderInput,
    UpdateProviderInput,
    fields_of,
    secret_of,
)
from identity_api.graphql.providers.providers import Provider, ProviderRow, read_provider
from identity_api.graphql.summaries import provider_id
from identity_api.providers import activation, administration, secrets
from identity_api.providers.metadata import refresh_metadata
from identity_api.providers.secrets import NewSecret


@strawberry.input(
    description="A new client secret, used first from now on. The one before works until it expires or is removed."
)
class SetProviderSecretInput:
    """A new secret, used first from now on. The one before works until it expires or is removed."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")
    client_secret: str = strawberry.field(description="The client secret. It is never shown to anybody again.")
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When the provider stops accepting the secret; null if that is not known.",
    )


@strawberry.input(description="Which client secret of a provider to remove. The only one that works cannot be removed.")
class RemoveProviderSecretInput:
    """Which of the provider's secrets."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")
    secret_id: str = strawberry.field(description="The id of a `ProviderSecret`.")


@strawberry.input(description="Which provider to enable.")
class EnableProviderInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")


@strawberry.input(description="Which provider to disable.")
class DisableProviderInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")


@strawberry.input(description="Which provider to delete. It must be disabled and have neither identities nor mappings.")
class DeleteProviderInput:
    """Which: a disabled one without identities and mappings."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")


@strawberry.input(description="Which provider's metadata to read again.")
class RefreshProviderMetadataInput:
    """Whose."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")


@object_type(description="The provider as it is now.")
class ProviderSaved:
    """Of every change that leaves one."""

    provider: Provider = strawberry.field(description="The provider after the change.")

    is_type_of = is_row_of(lambda: ProviderSavedRow)


class ProviderSavedRow(msgspec.Struct, frozen=True):
    """The row behind `ProviderSaved`."""

    provider: ProviderRow


@object_type(description="The provider is deleted.")
class ProviderDeleted:
    """Of a deletion."""

    deleted_id: strawberry.ID = strawberry.field(description="The id of the deleted provider.")

    is_type_of = is_row_of(lambda: ProviderDeletedRow)


class ProviderDeletedRow(msgspec.Struct, frozen=True):
    """The row behind `ProviderDeleted`."""

    deleted_id: str


@object_type("Mutation")
class ProviderMutations:
    """Root fields that change providers."""

    @mutation("CreateProviderPayload", ProviderSaved, "Make a provider.")
    async def create_provider(self, info: Info, input: CreateProviderInput) -> ProviderSavedRow:
        """Its groups may give only permissions that the actor may give (I8)."""
        context, secret = info.context, secret_of(input.client_secret, input.client_secret_expires_at)
        made = await administration.create(context.deps.providers, context.actor, fields_of(input), secret=secret)
        return await _saved(context, made.id)

    @mutation(
        "UpdateProviderPayload",
        ProviderSaved,
        "Change the given settings; a provider that moves needs its secret again, and its logins end.",
    )
    async def update_provider(self, info: Info, input: UpdateProviderInput) -> ProviderSavedRow:
        """The version protects a read that is followed by a write: the faster edit wins."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        secret = secret_of(input.client_secret, input.client_secret_expires_at)
        await administration.update(
            context.deps.providers,
            context.actor,
            row_id,
            fields_of(input),
            expected_version=input.version,
            secret=secret,
        )
        return await _saved(context, row_id)

    @mutation("SetProviderSecretPayload", ProviderSaved, "Store a client secret beside the one that it replaces.")
    async def set_provider_secret(self, info: Info, input: SetProviderSecretInput) -> ProviderSavedRow:
        """Two at most."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        secret = NewSecret(Secret(input.client_secret), input.expires_at)
        await secrets.set_secret(context.deps.providers, context.actor, row_id, secret)
        return await _saved(context, row_id)

    @mutation("RemoveProviderSecretPayload", ProviderSaved, "Remove a client secret of a provider.")
    async def remove_provider_secret(self, info: Info, input: RemoveProviderSecretInput) -> ProviderSavedRow:
        """Not the only one that works."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        await secrets.remove_secret(context.deps.providers, context.actor, row_id, ids.plain(input.secret_id))
        return await _saved(context, row_id)

    @mutation("EnableProviderPayload", ProviderSaved, "Enable a provider, so that people can sign in there.")
    async def enable_provider(self, info: Info, input: EnableProviderInput) -> ProviderSavedRow:
        """Twice is once."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        await activation.enable(context.deps.providers, context.actor, row_id)
        return await _saved(context, row_id)

    @mutation(
        "DisableProviderPayload",
        ProviderSaved,
        "Disable a provider: nobody signs in there any more, and the sessions from there end.",
    )
    async def disable_provider(self, info: Info, input: DisableProviderInput) -> ProviderSavedRow:
        """Twice is once."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        await activation.disable(context.deps.providers, context.actor, row_id)
        return await _saved(context, row_id)

    @mutation(
        "DeleteProviderPayload",
        ProviderDeleted,
        "Delete a disabled provider that has neither identities nor mappings of its own.",
    )
    async def delete_provider(self, info: Info, input: DeleteProviderInput) -> ProviderDeletedRow:
        """Identities and mappings are never taken along."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        await activation.delete(context.deps.providers, context.actor, row_id)
        return ProviderDeletedRow(provider_id(row_id))

    @mutation(
        "RefreshProviderMetadataPayload",
        ProviderSaved,
        "Read the provider's metadata and keys again, in this process at once and in others within the hour.",
    )
    async def refresh_provider_metadata(self, info: Info, input: RefreshProviderMetadataInput) -> ProviderSavedRow:
        """Nothing changes in this service."""
        context, row_id = info.context, ids.row_id(input.id, "Provider")
        await refresh_metadata(context.deps.providers, context.actor, row_id)
        return await _saved(context, row_id)


async def _saved(context: Context, row_id: UUID) -> ProviderSavedRow:
    return ProviderSavedRow(await read_provider(context, row_id))
