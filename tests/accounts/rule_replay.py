"""The histories of `tests.permissions.play`, step by step against the database and the use cases themselves."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from identity_api.accounts import administration as users
from identity_api.accounts import invitations, linking, local, local_passwords, second_factor
from identity_api.accounts.provisioning import Declined, VerifiedPerson
from identity_api.claims import MatchKind, Profile
from identity_api.db import grants, identities, locks, providers, user_read_model
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.group_mappings import edit
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.rules import Rule
from identity_api.ids import uuid7
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.lifecycle.end_login import end_logins
from identity_api.permissions.delegation import Actor
from identity_api.providers import activation, administration
from identity_api.providers.deps import ProviderDeps
from identity_api.sessions.logout.logout import end_session_of_user
from tests import factories as make
from tests.accounts.local_world import PASSWORD, LocalWorld
from tests.permissions.play import NEEDS, Step
from tests.permissions.reach import World
from tests.permissions.rows import HONEST, RIGHTS, Account, Identity, Provider, names, rights
from tests.providers.office import SECRET

IMPOSSIBLE = {"SELF_DISABLE", "SELF_UNLINK", "SSO_MANAGED", "ACCOUNT_DISABLED"}
"""Refusals for which the world in memory says that there is nothing to do it to."""


class Replay:
    """One tenant, whose rows are those of a world in memory."""

    def __init__(self, local_world: LocalWorld, deps: ProviderDeps) -> None:
        self.local, self.deps = local_world, deps
        self.database, self.tenant = local_world.database, local_world.tenant.id
        self.permissions: dict[str, UUID] = {}
        self.ids: dict[int, UUID] = {}
        """Of accounts, identities, providers and mappings, by the number that the world in memory gives them."""
        self.sessions: dict[tuple[int, tuple[int, int | None]], UUID] = {}
        self.links: dict[int, str] = {}
        self.invitations: dict[int, invitations.Invited] = {}
        self.made: dict[str, UUID] = {}
        """By the last step."""

    # The beginning

    async def begin(self, world: World) -> None:
        async with self.database.transaction() as connection:
            for right in RIGHTS:
                self.permissions[right.name] = await make.make_permission(
                    connection, self.tenant, right.name, delegable=right.delegable
                )
        for provider in world.providers.values():
            async with self.database.transaction() as connection:
                made = await make.make_provider(
                    connection,
                    self.tenant,
                    issuer=_issuer(provider),
                    client_authentication="none",
                    redirect_url=f"https://id.example.com/t/{self.local.tenant.slug}/auth/oidc/{provider.id}/callback",
                    provisioning=provider.provisioning,
                    adopt_by_name=provider.adopts,
                    sync_mode=provider.mode,
                    absent_groups="EMPTY",
                )
            self.ids[provider.id] = made.id
        for account in world.accounts.values():
            await self._make_account(world, account.id)
        for key, mapping in world.mappings.items():
            await self._edit(self._rule(mapping.provider, mapping.group, mapping.given))
            self.ids[key] = self.made["mapping"]
        for account in world.accounts.values():
            for identity in account.identities:
                await self._make_identity(world, account.id, identity)
            for whose in account.sessions:
                identity_id = self.ids[whose[1]] if whose[1] is not None else None
                await self._begin_session(account.id, whose, self.ids[account.id], identity_id)

    async def _make_identity(self, world: World, account: int, identity: Identity) -> None:
        provider = world.providers[identity.provider]
        async with self.database.transaction() as connection:
            row = await providers.get(connection, self.tenant, self.ids[provider.id])
            assert row is not None
            self.ids[identity.id] = row_id = uuid7()
            await identities.insert(
                connection,
                self.tenant,
                identity_id=row_id,
                user_id=self.ids[account],
                provider_id=row.id,
                issuer=row.issuer,
                subject=f"subject-{identity.subject}" if identity.subject is not None else None,
                anchor=f"anchor-{identity.anchor}",
            )
            if identity.state == "FRESH":
                await make.sign_in(connection, row, row_id, sorted([f"group-{one}" for one in identity.groups]))
            await user_read_model.refresh(connection, self.tenant, [self.ids[account]])

    async def _make_account(self, world: World, key: int) -> None:
        account = world.accounts[key]
        async with self.database.transaction() as connection:
            password = self.local.passwords._hasher.hash(PASSWORD) if account.password is not None else None
            name = f"name-{account.name}" if account.name is not None else None
            user_id = await make.make_user(connection, self.tenant, username=name, password_hash=password)
            for right in rights(account.manual):
                row_id = self.permissions[right.name]
                await grants.open_manual_grant(connection, self.tenant, user_id, row_id, "operator:root")
            if account.factor is not None:
                await make.confirm_totp(connection, self.tenant, user_id)
            if account.token is not None:
                await make.make_api_token(connection, self.tenant, user_id)
            await user_read_model.refresh(connection, self.tenant, [user_id])
        self.ids[key] = user_id

    # Steps

    async def do(self, step: Step, before: World) -> str:
        """What comes of it, in the words of the world in memory."""
        action, who, args = step
        self.made = {}
        try:
            if action in NEEDS:
                assert isinstance(who, tuple)
                return await self._admin(action, who[1], args, before)
            return await self._happen(action, who, args, before)
        except Refused as refused:
            return "IMPOSSIBLE" if refused.code in IMPOSSIBLE else refused.code
        except (Conflict, NotFound, BadInput):
            return "IMPOSSIBLE"

    async def _admin(self, action: str, account: int, args: dict[str, Any], before: World) -> str:
        user_id = self.ids[account]
        async with self.database.reading() as connection:
            held = await grants.effective(connection, self.tenant, user_id)
        assert held == names(before.in_force(before.accounts[account])), "the two worlds agree before the step"
        if NEEDS[action] not in held:
            return "FORBIDDEN"
        actor = Actor(self.tenant, user_id, f"user:{user_id}", held)
        doing: Callable[..., Awaitable[None]] = getattr(self, f"_{action}")
        await doing(actor, before, **args)
        return "OK"

    async def _createUser(self, actor: Actor, _: World, name: int) -> None:
        new = local.NewLocalUser(username=f"name-{name}")
        self.made["account"] = await local.create_local_user(self.database, actor, new)

    async def _createPasswordToken(self, actor: Actor, _: World, account: int) -> None:
        made = await local_passwords.create_password_token(self.database, actor, self.ids[account])
        self.links[account] = made.token

    async def _createInvitation(self, actor: Actor, before: World, name: int, provider: int | None, given: int) -> None:
        guest = invitations.Guest(
            username=f"name-{name}",
            provider_id=self.ids[provider] if provider is not None else None,
            permissions=tuple([self.permissions[right.name] for right in rights(given)]),
        )
        made = await invitations.invite(self.database, actor, guest)
        self.made["account"], self.invitations[before.next_id + 1] = made.invitation.user_id, made

    async def _revokeInvitation(self, actor: Actor, _: World, account: int) -> None:
        if account not in self.invitations:
            raise NotFound("There is none.")
        await invitations.revoke(self.database, actor, self.invitations[account].invitation.id)

    async def _linkIdentity(self, actor: Actor, _: World, account: int, provider: int, anchor: int) -> None:
        linked = await linking.link_identity(
            self.database, actor, self.ids[account], self.ids[provider], f"anchor-{anchor}"
        )
        self.made["identity"] = linked.identity_id

    async def _unlinkIdentity(self, actor: Actor, _: World, identity: int) -> None:
        await linking.unlink_identity(self.database, actor, self.ids[identity])

    async def _releaseIdentity(self, actor: Actor, _: World, identity: int) -> None:
        await linking.release_identity(self.database, actor, self.ids[identity])

    async def _resetUserTotp(self, actor: Actor, _: World, account: int) -> None:
        await second_factor.reset_totp(self.database, actor, self.ids[account])

    async def _updateUserProfile(self, actor: Actor, before: World, account: int, name: int) -> None:
        if before.accounts[account].name == name:
            raise Conflict("It is called so.")
        change = local.ProfileChange(username=f"name-{name}")
        await local.update_profile(self.database, actor, self.ids[account], change)

    async def _disableUser(self, actor: Actor, _: World, account: int) -> None:
        await users.disable_user(self.database, actor, self.ids[account])

    async def _enableUser(self, actor: Actor, _: World, account: int) -> None:
        await users.enable_user(self.database, actor, self.ids[account])

    async def _endSession(self, actor: Actor, before: World, account: int) -> None:
        found = sorted(before.accounts[account].sessions, key=str)
        if not found:
            raise NotFound("There is none.")
        await end_session_of_user(self.database, actor, self.sessions[account, found[0]])

    async def _removeUserPassword(self, actor: Actor, _: World, account: int) -> None:
        await local_passwords.remove_password(self.database, actor, self.ids[account])

    async def _grantPermission(self, actor: Actor, _: World, account: int, permission: int) -> None:
        await users.grant_permission(self.database, actor, self.ids[account], self._one(permission))

    async def _revokePermission(self, actor: Actor, _: World, account: int, permission: int) -> None:
        await users.revoke_permission(self.database, actor, self.ids[account], self._one(permission))

    def _one(self, bits: int) -> UUID:
        [right] = rights(bits)
        return self.permissions[right.name]

    def _rule(self, provider: int | None, group: int, given: int) -> Rule:
        row_ids = tuple([self.permissions[right.name] for right in sorted(rights(given))])
        return Rule(self.ids[provider] if provider is not None else None, f"group-{group}", MatchKind.EXACT, row_ids)

    async def _createGroupMapping(self, actor: Actor, _: World, provider: int | None, group: int, given: int) -> None:
        await self._edit(self._rule(provider, group, given), actor)

    async def _updateGroupMapping(
        self, actor: Actor, _: World, mapping: int, provider: int | None, group: int, given: int
    ) -> None:
        async with self.database.reading() as connection:
            version = await connection.fetchval("select version from group_mapping where id = $1", self.ids[mapping])
        if given:
            change: edit.MappingEdit = edit.Update(self.ids[mapping], self._rule(provider, group, given), version)
        else:
            change = edit.Deletion(self.ids[mapping], version)
        await self._edit(change, actor)

    async def _edit(self, change: edit.MappingEdit, actor: Actor | None = None) -> None:
        made = await edit.make(self.database, actor or self.local.operator, change)
        self.made["mapping"] = made.mapping_id
        await apply_changes(self.database)

    async def _createProvider(self, actor: Actor, before: World, **given: Any) -> None:
        number = before.next_id + 1
        fields = {
            "slug": f"p{number}",
            "issuer": f"https://own{number}.example",
            "client_id": "client",
            "provisioning": given.get("provisioning", "JIT"),
            "adopt_by_name": given.get("adopts", False),
            "sync_mode": "ADDITIVE",
            "absent_groups": "EMPTY",
        }
        self.made["provider"] = (await administration.create(self.deps, actor, fields, secret=SECRET)).id

    async def _updateProvider(self, actor: Actor, before: World, provider: int, **given: Any) -> None:
        wanted = before.providers[provider].copy()
        for name, value in given.items():
            setattr(wanted, name, value)
        if wanted == before.providers[provider]:
            return
        async with self.database.reading() as connection:
            row = await providers.get(connection, self.tenant, self.ids[provider])
        assert row is not None
        patch: dict[str, Any] = {
            "issuer": _issuer(wanted),
            "discovery_url": _document(wanted),
            "anchor_claim": ["nickname" if "anchor" in wanted.free else "sub"],
            "username_claim": ["nickname" if "name" in wanted.free else "preferred_username"],
            "groups_claim": ["nickname" if "groups" in wanted.free else "groups"],
            "provisioning": wanted.provisioning,
            "adopt_by_name": wanted.adopts,
            "sync_mode": wanted.mode,
            "sync": wanted.sync,
        }
        moved = {"issuer", "place"} & set(given) and row.client_authentication != "none"
        secret = SECRET if moved else None
        await administration.update(self.deps, actor, row.id, patch, expected_version=row.version, secret=secret)

    async def _enableProvider(self, actor: Actor, _: World, provider: int) -> None:
        await activation.enable(self.deps, actor, self.ids[provider])

    async def _disableProvider(self, actor: Actor, _: World, provider: int) -> None:
        await activation.disable(self.deps, actor, self.ids[provider])

    # What is no admin's action

    async def _happen(self, action: str, who: Any, args: dict[str, Any], before: World) -> str:
        if action == "groups":
            return "OK"
        if action == "sign_in":
            return await self._sign_in(who, args, before)
        account = before.accounts[args["account"]]
        user_id = self.ids[account.id]
        if action == "quarantine":
            fresh = [self.ids[one.id] for one in account.identities if one.state == "FRESH"]
            async with self.database.transaction() as connection:
                await locks.users(connection, self.tenant, [user_id])
                await end_logins(connection, self.tenant, fresh, reason="subject_changed", actor="system")
        elif action == "sign_in_by_password":
            if not account.enabled or account.password != who or account.factor not in (None, who):
                return "CREDENTIALS_REFUSED"
            await self._begin_session(account.id, (who, None), user_id, None)
        elif action == "use_link":
            if account.link != who or not account.enabled:
                return "IMPOSSIBLE"
            await local_passwords.set_password_by_token(self.local.deps, self.tenant, self.links[account.id], PASSWORD)
        elif action == "use_invitation":
            return await self._accept(account, who, args, before)
        elif action == "enrol_factor":
            if account.factor is not None or account.password != who or (who, None) not in account.sessions:
                return "IMPOSSIBLE"
            async with self.database.transaction() as connection:
                await make.confirm_totp(connection, self.tenant, user_id)
        return "OK"

    async def _accept(self, account: Account, who: int, args: dict[str, Any], before: World) -> str:
        if account.invitation is None or account.invitation.holder != who:
            return "IMPOSSIBLE"
        made, provider = self.invitations[account.id], account.invitation.provider
        if provider is not None:
            return await self._sign_in(who, {**args, "provider": provider}, before, made.invitation.id)
        await invitations.accept_by_password(self.local.deps, self.tenant, made.token, PASSWORD)
        return "OK"

    async def _sign_in(self, person: int, args: dict[str, Any], before: World, invited: UUID | None = None) -> str:
        provider = before.providers[args["provider"]]
        words = list(before.words(person, provider))
        if not words:
            return "IMPOSSIBLE"
        if not provider.enabled:
            return "PROVIDER_DISABLED"
        word = words[int(args["which"] * len(words))]
        return await self.come(before, provider, person, word, invited)

    async def come(self, before: World, provider: Provider, person: int, word: Any, invited: UUID | None = None) -> str:
        """A login, from the verified answer on."""
        subject, anchor, name, groups = word
        async with self.database.transaction() as connection:
            row = await providers.get(connection, self.tenant, self.ids[provider.id])
            assert row is not None
            profile = Profile(f"anchor-{anchor}", f"name-{name}", f"Person {name}", None, None)
            who = VerifiedPerson(issuer=row.issuer, subject=f"subject-{subject}", profile=profile)
            found = await make.provision(connection, row, who, actor="provider:x", invitation_id=invited)
            if isinstance(found, Declined):
                return found.code
            reading = make.reading(sorted([f"group-{one}" for one in groups]))
            verified = Verified(found.identity_id, profile, reading, None)
            await apply_verified(connection, self.tenant, row, [verified], is_login=True, actor="provider:x")
        self.made |= {"account": found.user_id, "identity": found.identity_id}
        identity = next((key for key, one in self.ids.items() if one == found.identity_id), before.next_id + 1)
        account = next((key for key, one in self.ids.items() if one == found.user_id), before.next_id + 1)
        if account == before.next_id + 1:
            identity = before.next_id + 2
        await self._begin_session(account, (person, identity), found.user_id, found.identity_id)
        return "OK"

    async def _begin_session(
        self, account: int, whose: tuple[int, int | None], user_id: UUID, identity_id: UUID | None
    ) -> None:
        async with self.database.transaction() as connection:
            known = self.sessions.get((account, whose))
            if known and await connection.fetchval("select ended_at is null from session where id = $1", known):
                return
            session_id, _ = await make.make_session(connection, self.tenant, user_id, identity_id)
        self.sessions[account, whose] = session_id

    # Afterwards

    def learn(self, after: World) -> None:
        """Whose number in memory the rows have that the step made."""
        identities = [one for account in after.accounts.values() for one in account.identities]
        kinds = (
            ("account", list(after.accounts)),
            ("identity", [one.id for one in identities]),
            ("provider", list(after.providers)),
            ("mapping", list(after.mappings)),
        )
        for kind, found in kinds:
            new = [key for key in found if key not in self.ids]
            if new:
                [self.ids[new[0]]] = [self.made[kind]]
                assert len(new) == 1

    async def differs(self, after: World) -> dict[int, tuple[frozenset[str], frozenset[str]]]:
        """The accounts whose permissions in force are not those of the world in memory: ours, and its."""
        found = {}
        async with self.database.reading() as connection:
            for key, account in after.accounts.items():
                ours = await grants.effective(connection, self.tenant, self.ids[key])
                theirs = names(after.in_force(account))
                if ours != theirs:
                    found[key] = ours, theirs
        return found


def _issuer(provider: Provider) -> str:
    if provider.issuer == HONEST:
        return f"https://honest{provider.id}.example"
    return f"https://own{provider.issuer}.example"


def _document(provider: Provider) -> str | None:
    is_plain = provider.place == HONEST or provider.issuer not in (HONEST, 50 + provider.place)
    return None if is_plain else f"https://place{provider.place}.example/.well-known/openid-configuration"
