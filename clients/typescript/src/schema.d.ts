// Made from schema.graphql: npm run types.
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
export type MakeOptional<T, K extends keyof T> = Omit<T, K> & { [SubKey in K]?: Maybe<T[SubKey]> };
export type MakeMaybe<T, K extends keyof T> = Omit<T, K> & { [SubKey in K]: Maybe<T[SubKey]> };
export type MakeEmpty<T extends { [key: string]: unknown }, K extends keyof T> = { [_ in K]?: never };
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** Date with time (isoformat) */
  DateTime: { input: string; output: string; }
};

/** One thing that a mapping admin should look at. */
export type AccessFinding = {
  readonly __typename?: 'AccessFinding';
  /** What kind of finding it is. */
  readonly kind: AccessFindingKind;
  /** What was found, as a sentence for people. */
  readonly message: Scalars['String']['output'];
  /** What to do about it, as a sentence for people. */
  readonly remedy: Scalars['String']['output'];
  /** False if it may be wrong because the groups of some people could not be read. */
  readonly isCertain: Scalars['Boolean']['output'];
  /** When the last member left, or when the group was first seen; null if it is not known. */
  readonly since: Maybe<Scalars['DateTime']['output']>;
  /** The provider that it is about; null if it is about every provider. */
  readonly provider: Maybe<ProviderSummary>;
  /** The mappings that it is about. */
  readonly mappings: ReadonlyArray<MappingReference>;
  /** The name of the group that it is about, or the old name of a renamed one. Null if it is about no group. */
  readonly group: Maybe<Scalars['String']['output']>;
  /** The likely new name of a renamed group; null otherwise. */
  readonly newGroup: Maybe<Scalars['String']['output']>;
  /** How many people left the old group and are in the new one; null if no group was renamed. */
  readonly peopleInCommon: Maybe<Scalars['Int']['output']>;
  /** The permission that it is about; null if it is about no permission. */
  readonly permission: Maybe<PermissionReference>;
};

/** What kind of finding it is. */
export type AccessFindingKind =
  /** A mapped group lost all its members, and most of them appeared in a new group of the same provider. */
  | 'GROUP_LIKELY_RENAMED'
  /** A mapping matches groups, but none of them has a member now. */
  | 'MAPPING_REACHES_NOBODY'
  /** A mapping has matched no group so far. */
  | 'MAPPING_NEVER_MATCHED'
  /** A provider has mappings, but no groups of anybody have been read from it. */
  | 'GROUPS_NEVER_READ'
  /** A permission that no mapping gives to anybody and that nobody was given by hand. */
  | 'PERMISSION_REACHES_NOBODY'
  /** A group with members that no mapping matches. */
  | 'GROUP_WITHOUT_MAPPING';

/** What a mapping admin should look at, the most urgent first. */
export type AccessFindings = {
  readonly __typename?: 'AccessFindings';
  /** When they were computed; each process does it at most once in 10 seconds. */
  readonly computedAt: Scalars['DateTime']['output'];
  /** The findings, at most 100 of each kind. Those about groups need `identity:groups:read` as well. */
  readonly findings: ReadonlyArray<AccessFinding>;
  /** Whether there are more findings of some kind than are shown. */
  readonly hasMore: Scalars['Boolean']['output'];
};

/** Changes to be made together, as they were previewed. */
export type ApplyChangeSetInput = {
  /** The changes, as they were given to `previewChangeSet`. */
  readonly changes: ReadonlyArray<ChangeInput>;
  /** The digest of the preview. The set is made only if it still does exactly what the preview showed. */
  readonly asPreviewed: Scalars['String']['input'];
};

/** What `applyChangeSet` answers: its result, or the problem that stopped it. */
export type ApplyChangeSetPayload = ChangeSetApplied | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** One setting that an event changed. */
export type AuditChange = {
  readonly __typename?: 'AuditChange';
  /** The name of the setting, as in a tenant's file. */
  readonly setting: Scalars['String']['output'];
  /** The value before; null if the object is new. A value that is not text is JSON. */
  readonly old: Maybe<Scalars['String']['output']>;
  /** The value after; null if the object is gone. A value that is not text is JSON. */
  readonly new: Maybe<Scalars['String']['output']>;
};

/** A name and a value that an event records. */
export type AuditDetail = {
  readonly __typename?: 'AuditDetail';
  /** The name. */
  readonly name: Scalars['String']['output'];
  /** The value; a value that is not text is JSON. */
  readonly value: Scalars['String']['output'];
};

/** One change or refusal, as it was recorded at that moment. */
export type AuditEvent = {
  readonly __typename?: 'AuditEvent';
  /** The id of the event. `node(id)` does not know it. */
  readonly id: Scalars['ID']['output'];
  /** When it was recorded. */
  readonly at: Scalars['DateTime']['output'];
  /** What was done, such as `mapping.updated`. */
  readonly action: Scalars['String']['output'];
  /** Who did it: `user:<id>`, `operator:<name>`, `provider:<id>`, `sync` or `system`. */
  readonly actor: Scalars['String']['output'];
  /** The user who did it, by their present names; null if it was no user. */
  readonly actorUser: Maybe<UserSummary>;
  /** The kind of thing that was changed, such as `mapping`. */
  readonly subjectKind: Scalars['String']['output'];
  /** The id of what was changed, which may be gone. Null if it has no global id. */
  readonly subjectId: Maybe<Scalars['ID']['output']>;
  /** The user it is about, by their present names; null if it is about no user. */
  readonly user: Maybe<UserSummary>;
  /** The names that the permission, mapping, group and provider had at that moment. */
  readonly names: ReadonlyArray<AuditDetail>;
  /** Each changed setting before and after. The value of a secret is never shown. */
  readonly changes: ReadonlyArray<AuditChange>;
  /** Everything else that was recorded, such as a reason as a code. */
  readonly details: ReadonlyArray<AuditDetail>;
  /** The id of the request, as in its answer and in the logs; null if there was none. */
  readonly requestId: Maybe<Scalars['String']['output']>;
  /** Where the request came from: an IPv4 address, or an IPv6 network of 64 bits. Null for changes without a request. */
  readonly address: Maybe<Scalars['String']['output']>;
  /** Why it was done, in the actor's words from the header `Identity-Reason`; null if they gave none. */
  readonly reason: Maybe<Scalars['String']['output']>;
  /** The place in the tenant's audit chain; null until the event is sealed, moments later. */
  readonly sequence: Maybe<Scalars['Int']['output']>;
};

/** A page of a list (Relay connection). */
export type AuditEventConnection = {
  readonly __typename?: 'AuditEventConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<AuditEventEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type AuditEventEdge = {
  readonly __typename?: 'AuditEventEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: AuditEvent;
};

/** Which events to list; null leaves a criterion out. At most one of `action`, `actor`, `subject` and `user` can be given, with any range of time. */
export type AuditEventFilter = {
  /** Only events of this action, such as `mapping.updated`. */
  readonly action?: InputMaybe<Scalars['String']['input']>;
  /** Only what the user with this id did. */
  readonly actor?: InputMaybe<Scalars['ID']['input']>;
  /** Only what was done to the user, identity, session, permission, mapping or provider with this id. */
  readonly subject?: InputMaybe<Scalars['ID']['input']>;
  /** Everything about the user with this id, also their identities, sessions and grants. */
  readonly user?: InputMaybe<Scalars['ID']['input']>;
  /** Only events at this moment or later. It needs its offset from UTC. */
  readonly since?: InputMaybe<Scalars['DateTime']['input']>;
  /** Only events before this moment. It needs its offset from UTC. */
  readonly until?: InputMaybe<Scalars['DateTime']['input']>;
};

/** A change of some users' data; it says whose data changed, never what it is now. */
export type Change = {
  readonly __typename?: 'Change';
  /** Its place among the tenant's changes, a whole number; pass it as `after` to continue from there. */
  readonly position: Scalars['String']['output'];
  /** What it is about. */
  readonly type: ChangeType;
  /** The ids of the users concerned; null for everybody of the tenant. */
  readonly userIds: Maybe<ReadonlyArray<Scalars['ID']['output']>>;
  /** The ids of sessions that ended; each belongs to the user at the same place in `userIds`. */
  readonly sessionIds: ReadonlyArray<Scalars['ID']['output']>;
  /** When it was made. */
  readonly at: Scalars['DateTime']['output'];
};

/** One change of a set: just one of these. Where a permission's id is asked for, its name will do, also of one that an earlier change of the set makes. */
export type ChangeInput =
  /** Make a group mapping. */
  { readonly createGroupMapping: CreateGroupMappingInput; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Change a group mapping. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping: UpdateGroupMappingInput; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Delete a group mapping. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping: DeleteGroupMappingInput; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Add a permission. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission: CreatePermissionInput; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Change a permission. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission: UpdatePermissionInput; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Delete an unused permission. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission: DeletePermissionInput; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Give a permission by hand. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission: GrantPermissionInput; readonly revokePermission?: never; readonly undo?: never; }
  |  /** Take back a permission that was given by hand. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission: RevokePermissionInput; readonly undo?: never; }
  |  /** Put back what an event of the record changed. Needs `identity:audit:read` too. */
  { readonly createGroupMapping?: never; readonly updateGroupMapping?: never; readonly deleteGroupMapping?: never; readonly createPermission?: never; readonly updatePermission?: never; readonly deletePermission?: never; readonly grantPermission?: never; readonly revokePermission?: never; readonly undo: UndoInput; };

/** One's current and new password, and a one-time code if one has a second factor. */
export type ChangePasswordInput = {
  /** The current password. */
  readonly current: Scalars['String']['input'];
  /** The new password. */
  readonly new: Scalars['String']['input'];
  /** A one-time code of the authenticator. Needed if one has a second factor. */
  readonly code?: InputMaybe<Scalars['String']['input']>;
};

/** What `changePassword` answers: its result, or the problem that stopped it. */
export type ChangePasswordPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** The changes are made, exactly as previewed. */
export type ChangeSetApplied = {
  readonly __typename?: 'ChangeSetApplied';
  /** The changes, in the order of the input. */
  readonly changes: ReadonlyArray<SetChange>;
  /** How many identities have grants that follow the changes within moments. */
  readonly concerned: Scalars['Int']['output'];
  /** How many users gain a permission that they did not hold. */
  readonly gaining: Scalars['Int']['output'];
  /** How many users have lost a permission. */
  readonly losing: Scalars['Int']['output'];
};

/** Changes to preview together. */
export type ChangeSetInput = {
  /** The changes, in the order in which they are made; at most 500. */
  readonly changes: ReadonlyArray<ChangeInput>;
};

/** What a set of changes would do if it were made now. Nothing is changed. */
export type ChangeSetPreview = {
  readonly __typename?: 'ChangeSetPreview';
  /** A digest of every change and of who gains and loses what, for `asPreviewed` of `applyChangeSet`. */
  readonly digest: Scalars['String']['output'];
  /** The changes, in the order of the input. */
  readonly changes: ReadonlyArray<SetChange>;
  /** Warnings to read before the changes are made, the worst first. */
  readonly warnings: ReadonlyArray<ChangeSetWarning>;
  /** How many identities are in groups of the changed mappings, before or after. */
  readonly concerned: Scalars['Int']['output'];
  /** How many users would gain a permission that they do not hold now. */
  readonly gaining: Scalars['Int']['output'];
  /** How many users would lose a permission, with no other grant that gives it. */
  readonly losing: Scalars['Int']['output'];
  /** The users who would gain or lose a permission, by username; none without `identity:users:read`. */
  readonly touched: TouchedUserConnection;
};

/** A warning to read before the changes are made. */
export type ChangeSetWarning = {
  readonly __typename?: 'ChangeSetWarning';
  /** What kind of warning it is. */
  readonly kind: ChangeSetWarningKind;
  /** What would happen, as a sentence for people. */
  readonly message: Scalars['String']['output'];
  /** How many people it is about; 0 if it is about the tenant. */
  readonly users: Scalars['Int']['output'];
  /** The first of them, at most ten; none without `identity:users:read`. */
  readonly people: ReadonlyArray<UserSummary>;
};

/** The kinds of warnings before a set of changes is made. */
export type ChangeSetWarningKind =
  /** Nobody would hold a permission any more that administers the tenant. */
  | 'LAST_ADMIN'
  /** Somebody would lose a permission of this service. */
  | 'ADMIN_RIGHT_LOST'
  /** Somebody would hold no permission any more, and signs in at a provider that turns such people away. */
  | 'WAY_IN_LOST'
  /** Somebody would hold no permission any more. */
  | 'NOTHING_LEFT';

/** What a change is about. */
export type ChangeType =
  /** `user.created`: a user was made. */
  | 'USER_CREATED'
  /** `user.updated`: names, e-mail, or whether the user is enabled. */
  | 'USER_UPDATED'
  /** `user.permissions_changed`: permissions, groups or identities; of everybody, where no user is named. */
  | 'USER_PERMISSIONS_CHANGED'
  /** `session.ended`: a session ended before it expired. */
  | 'SESSION_ENDED';

/** What a claim setting found in a test login, without the value of any claim. */
export type ClaimReport = {
  readonly __typename?: 'ClaimReport';
  /** Which setting: `anchor`, `username`, `display`, `email` or `groups`. */
  readonly setting: Scalars['String']['output'];
  /** The places that the setting names, in order. */
  readonly lookedFor: ReadonlyArray<Scalars['String']['output']>;
  /** The place where it was found; null if it was found nowhere. */
  readonly foundIn: Maybe<Scalars['String']['output']>;
  /** What kind of value is there, such as a text or a list; null if there is no value. */
  readonly type: Maybe<Scalars['String']['output']>;
  /** For groups: how far the reading can be trusted. Null for other claims. */
  readonly completeness: Maybe<Scalars['String']['output']>;
  /** The reason for this result, as a code; null if there is nothing to explain. */
  readonly reason: Maybe<Scalars['String']['output']>;
  /** For groups: how many were read. Null for other claims. */
  readonly count: Maybe<Scalars['Int']['output']>;
  /** Places that the documents have, with similar names. */
  readonly nearest: ReadonlyArray<Scalars['String']['output']>;
  /** For groups: how an unusual form of the claim was read. */
  readonly remarks: ReadonlyArray<Scalars['String']['output']>;
};

/** The proof that the authenticator has the key. */
export type ConfirmTotpInput = {
  /** The one-time code that the authenticator shows. */
  readonly code: Scalars['String']['input'];
};

/** What `confirmTotp` answers: its result, or the problem that stopped it. */
export type ConfirmTotpPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** The object has changed since it was read, or something else is in the way. Read it again. */
export type ConflictError = Problem & {
  readonly __typename?: 'ConflictError';
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
  /** The present version of the object; null if it has no versions. */
  readonly currentVersion: Maybe<Scalars['Int']['output']>;
};

/** A new group mapping. */
export type CreateGroupMappingInput = {
  /** The group's name, or a pattern of names. */
  readonly pattern: Scalars['String']['input'];
  /** How the pattern is compared with group names. */
  readonly match?: MatchKind;
  /** The ids of the permissions that the mapping gives. */
  readonly permissions: ReadonlyArray<Scalars['ID']['input']>;
  /** The id of the provider whose groups it matches. Null matches groups of every provider. */
  readonly provider?: InputMaybe<Scalars['ID']['input']>;
  /** Whether the mapping gives its permissions. */
  readonly enabled?: Scalars['Boolean']['input'];
  /** The digest of a preview. The change is made only if it still affects exactly whom the preview showed. */
  readonly asPreviewed?: InputMaybe<Scalars['String']['input']>;
};

/** What `createGroupMapping` answers: its result, or the problem that stopped it. */
export type CreateGroupMappingPayload = GroupMappingSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** The user for whom to make a password link. */
export type CreatePasswordTokenInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `createPasswordToken` answers: its result, or the problem that stopped it. */
export type CreatePasswordTokenPayload = PasswordTokenCreated | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A new permission, which nobody has yet. */
export type CreatePermissionInput = {
  /** The name as `noun:verb`. It cannot begin with `identity:` and cannot be changed later. */
  readonly name: Scalars['String']['input'];
  /** What the permission allows, for people. */
  readonly description?: Scalars['String']['input'];
  /** Whether a mapping admin may give it without holding it. */
  readonly delegable?: Scalars['Boolean']['input'];
};

/** What `createPermission` answers: its result, or the problem that stopped it. */
export type CreatePermissionPayload = PermissionSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A new provider: a preset with its values, or every setting that has no default. */
export type CreateProviderInput = {
  /** The name on the login page. */
  readonly label?: InputMaybe<Scalars['String']['input']>;
  /** The icon on the login page; null for none. */
  readonly icon?: InputMaybe<Scalars['String']['input']>;
  /** The place on the login page; the lowest number comes first. */
  readonly position?: InputMaybe<Scalars['Int']['input']>;
  /** The issuer URL. It is compared character by character. */
  readonly issuer?: InputMaybe<Scalars['String']['input']>;
  /** Where the provider metadata is; null for the well-known path under the issuer. */
  readonly discoveryUrl?: InputMaybe<Scalars['String']['input']>;
  /** The addresses of an OAuth 2.0 provider by name: `authorization`, `token` and `userinfo`. */
  readonly endpoints?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The `client_id` that the provider has registered for us. */
  readonly clientId?: InputMaybe<Scalars['String']['input']>;
  /** How we authenticate at the token endpoint, such as `client_secret_basic` or `private_key_jwt`. */
  readonly clientAuthentication?: InputMaybe<Scalars['String']['input']>;
  /** Our redirect URL, exactly as it is registered at the provider. */
  readonly redirectUrl?: InputMaybe<Scalars['String']['input']>;
  /** The OAuth scopes that a login asks for. */
  readonly scopes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Parameters that are added to the authorization request. */
  readonly authorizationParameters?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The Entra directories whose people may sign in, where one issuer stands for many directories. */
  readonly allowedDirectories?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the anchor is looked for, in order, such as `id_token / sub`. */
  readonly anchorClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the username is looked for, in order. */
  readonly usernameClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the display label is looked for, in order. */
  readonly displayClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the e-mail address is looked for, in order. */
  readonly emailClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the groups are looked for, in order. */
  readonly groupsClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** The vendor's API that lists groups that claims leave out: `entra`, `github`, `google` or `okta`. Null uses claims alone. */
  readonly groupSource?: InputMaybe<Scalars['String']['input']>;
  /** Whether a name that no claim has is read from the callback's field `user` (Apple). Nobody signs that field. */
  readonly nameInCallback?: InputMaybe<Scalars['Boolean']['input']>;
  /** What an absent groups claim means: `EMPTY` for no groups, `UNKNOWN` for not known. */
  readonly absentGroups?: InputMaybe<Scalars['String']['input']>;
  /** How the UserInfo endpoint is called: `GET` or `POST`. */
  readonly userinfoMethod?: InputMaybe<Scalars['String']['input']>;
  /** Who may sign in for the first time. */
  readonly provisioning?: InputMaybe<ProviderProvisioning>;
  /** Whether a first login may take over a user with the same username who was never linked. */
  readonly adoptByName?: InputMaybe<Scalars['Boolean']['input']>;
  /** Whether people whose groups give no permission are refused. */
  readonly denyUnmapped?: InputMaybe<Scalars['Boolean']['input']>;
  /** What `email_verified` must say: `IGNORE` asks nothing, `REQUIRED` asks for true, and `TRUSTED` takes every address as verified. */
  readonly emailVerifiedRule?: InputMaybe<Scalars['String']['input']>;
  /** How the provider is asked again between logins. */
  readonly sync?: InputMaybe<ProviderSync>;
  /** How permissions follow the provider's groups. */
  readonly syncMode?: InputMaybe<ProviderSyncMode>;
  /** The time between two syncs of an identity, in seconds. */
  readonly syncIntervalSeconds?: InputMaybe<Scalars['Int']['input']>;
  /** How long permissions stay in force while the provider cannot be asked, in seconds. */
  readonly outageGraceSeconds?: InputMaybe<Scalars['Int']['input']>;
  /** How long the last login counts if sync is `OFF`, in seconds. */
  readonly unsyncedLeaseSeconds?: InputMaybe<Scalars['Int']['input']>;
  /** How many calls a second each worker may make for syncs. Null for the rate that the provider allows. */
  readonly maxRate?: InputMaybe<Scalars['Int']['input']>;
  /** How many calls for syncs may be under way at the provider at once. */
  readonly maxConcurrent?: InputMaybe<Scalars['Int']['input']>;
  /** Whether the provider can be asked for a new proof of who the person is (step-up). */
  readonly reauthentication?: InputMaybe<Scalars['Boolean']['input']>;
  /** Where people are sent after they have signed out. */
  readonly logoutPageUrl?: InputMaybe<Scalars['String']['input']>;
  /** Whether signing out ends the session at the provider as well. If false, only our own session ends. */
  readonly signOutAtProvider?: InputMaybe<Scalars['Boolean']['input']>;
  /** Parameters for the provider's end-session endpoint. `{return_url}` in a value is our address to come back to. */
  readonly endSessionParameters?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The algorithm that our JWTs for client authentication are signed with: `RS256`, `PS256` or `ES256`. */
  readonly signingAlgorithm?: InputMaybe<Scalars['String']['input']>;
  /** The audience of our JWTs for client authentication: `ISSUER` or `TOKEN_ENDPOINT`. */
  readonly assertionAudience?: InputMaybe<Scalars['String']['input']>;
  /** Whether the tokens of new logins are bound to a key (DPoP, RFC 9449). */
  readonly dpop?: InputMaybe<Scalars['Boolean']['input']>;
  /** Whether ID Tokens must be encrypted to us. */
  readonly encryptedIdTokens?: InputMaybe<Scalars['Boolean']['input']>;
  /** Whether UserInfo must be a signed JWT. */
  readonly signedUserinfo?: InputMaybe<Scalars['Boolean']['input']>;
  /** The only certificate authorities trusted for this provider, as PEM; null for the usual ones. */
  readonly caCertificatePem?: InputMaybe<Scalars['String']['input']>;
  /** Apple's id of the developer account, for `apple_client_secret`. */
  readonly appleTeamId?: InputMaybe<Scalars['String']['input']>;
  /** Apple's id of the key, for `apple_client_secret`. */
  readonly appleKeyId?: InputMaybe<Scalars['String']['input']>;
  /** The provider's name in addresses. It is unique within the tenant and cannot be changed. */
  readonly slug: Scalars['String']['input'];
  /** `oidc` or `oauth2`. The default is `oidc`. */
  readonly protocol?: InputMaybe<Scalars['String']['input']>;
  /** The name of a preset, such as `entra`, which fills in what is left out. */
  readonly preset?: InputMaybe<Scalars['String']['input']>;
  /** What the preset asks for, by name, such as the directory of an Entra tenant. */
  readonly presetValues?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The names of the preset's alternatives to use. */
  readonly presetAlternatives?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Whether people can sign in there at once. */
  readonly enabled?: Scalars['Boolean']['input'];
  /** The client secret. It is never shown to anybody again. */
  readonly clientSecret?: InputMaybe<Scalars['String']['input']>;
  /** When the provider stops accepting the secret; null if that is not known. */
  readonly clientSecretExpiresAt?: InputMaybe<Scalars['DateTime']['input']>;
};

/** What `createProvider` answers: its result, or the problem that stopped it. */
export type CreateProviderPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A new user without any way in. */
export type CreateUserInput = {
  /** The username, unique within the tenant. */
  readonly username: Scalars['String']['input'];
  /** The name shown to people. Null takes the username. */
  readonly displayLabel?: InputMaybe<Scalars['String']['input']>;
  /** The e-mail address, if it is known. */
  readonly email?: InputMaybe<Scalars['String']['input']>;
};

/** What `createUser` answers: its result, or the problem that stopped it. */
export type CreateUserPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A webhook to make. */
export type CreateWebhookInput = {
  /** Where messages are sent: https on a public name. */
  readonly url: Scalars['String']['input'];
  /** The types of changes to be sent; all by default. */
  readonly types?: ReadonlyArray<ChangeType>;
  /** What it is for, for people. */
  readonly description?: Scalars['String']['input'];
};

/** What `createWebhook` answers: its result, or the problem that stopped it. */
export type CreateWebhookPayload = WebhookSecretMade | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which group mapping to delete. */
export type DeleteGroupMappingInput = {
  /** The id of the mapping. */
  readonly id: Scalars['ID']['input'];
  /** The version that was read. An edit of another version is refused with a `ConflictError`. */
  readonly version: Scalars['Int']['input'];
  /** The digest of a preview. The change is made only if it still affects exactly whom the preview showed. */
  readonly asPreviewed?: InputMaybe<Scalars['String']['input']>;
};

/** What `deleteGroupMapping` answers: its result, or the problem that stopped it. */
export type DeleteGroupMappingPayload = GroupMappingDeleted | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which permission to delete. It must never have been granted or mapped. */
export type DeletePermissionInput = {
  /** The id of the permission. */
  readonly id: Scalars['ID']['input'];
};

/** What `deletePermission` answers: its result, or the problem that stopped it. */
export type DeletePermissionPayload = PermissionDeleted | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which provider to delete. It must be disabled and have neither identities nor mappings. */
export type DeleteProviderInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
};

/** What `deleteProvider` answers: its result, or the problem that stopped it. */
export type DeleteProviderPayload = ProviderDeleted | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which webhook to delete. */
export type DeleteWebhookInput = {
  /** The id of the webhook. */
  readonly id: Scalars['ID']['input'];
};

/** What `deleteWebhook` answers: its result, or the problem that stopped it. */
export type DeleteWebhookPayload = WebhookDeleted | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which provider to disable. */
export type DisableProviderInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
};

/** What `disableProvider` answers: its result, or the problem that stopped it. */
export type DisableProviderPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which user to disable. */
export type DisableUserInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `disableUser` answers: its result, or the problem that stopped it. */
export type DisableUserPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A document that claims are looked for in, and the names at its top level. */
export type DocumentNames = {
  readonly __typename?: 'DocumentNames';
  /** The name of the document, such as `id_token`. */
  readonly document: Scalars['String']['output'];
  /** Whether the provider sent it. */
  readonly came: Scalars['Boolean']['output'];
  /** The names of its claims at the top level, without their values. */
  readonly names: ReadonlyArray<Scalars['String']['output']>;
};

/** Why an open grant has no effect now. When the cause goes away, the grant is in force again. */
export type DormantCause =
  /** The user is disabled. */
  | 'USER_DISABLED'
  /** The grant was given by hand, and the user has neither a password nor an identity to sign in with. */
  | 'NO_WAY_IN'
  /** The login of the identity has ended. */
  | 'IDENTITY_REVOKED'
  /** The provider's claims for this identity are now about another person. */
  | 'IDENTITY_QUARANTINED'
  /** The provider is disabled. */
  | 'PROVIDER_DISABLED'
  /** The provider has not confirmed the groups in time. */
  | 'LEASE_OVER'
  /** The mapping no longer gives the permission; the grant is closed within moments. */
  | 'MAPPING_CHANGED';

/** A permission that was granted and is not in force now. */
export type DormantPermission = {
  readonly __typename?: 'DormantPermission';
  /** The name of the permission, `noun:verb`. */
  readonly name: Scalars['String']['output'];
  /** Why it is not in force. */
  readonly cause: DormantCause;
  /** The grant that is not in force. */
  readonly reason: GrantReason;
};

/** A permission in force, with every grant that gives it. */
export type EffectivePermission = {
  readonly __typename?: 'EffectivePermission';
  /** The name of the permission, `noun:verb`. */
  readonly name: Scalars['String']['output'];
  /** Every grant that gives it now. */
  readonly reasons: ReadonlyArray<GrantReason>;
};

/** Which provider to enable. */
export type EnableProviderInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
};

/** What `enableProvider` answers: its result, or the problem that stopped it. */
export type EnableProviderPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which user to enable. */
export type EnableUserInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `enableUser` answers: its result, or the problem that stopped it. */
export type EnableUserPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which session to end. */
export type EndSessionInput = {
  /** The id of the session. Sessions of other users need `identity:users:write`. */
  readonly id: Scalars['ID']['input'];
};

/** What `endSession` answers: its result, or the problem that stopped it. */
export type EndSessionPayload = SessionEnded | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** The proof that the user sets up the second factor themself. */
export type EnrolTotpInput = {
  /** The current password. */
  readonly current: Scalars['String']['input'];
};

/** What `enrolTotp` answers: its result, or the problem that stopped it. */
export type EnrolTotpPayload = TotpPrepared | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** One grant of the permission, and whether it is in force. */
export type ExplainedGrant = {
  readonly __typename?: 'ExplainedGrant';
  /** Whether the grant counts now. */
  readonly inForce: Scalars['Boolean']['output'];
  /** Why it is not in force; null if it is. */
  readonly cause: Maybe<DormantCause>;
  /** When its lease ends unless the provider confirms the groups again; null for a grant by hand. */
  readonly validUntil: Maybe<Scalars['DateTime']['output']>;
  /** Where the grant comes from, since when, and who gave it. */
  readonly reason: GrantReason;
  /** The mapping as it is now; null for a grant by hand, and if the mapping no longer gives the permission. Needs `identity:mappings:read`. */
  readonly mapping: Maybe<GivingMapping>;
};

/** What a finding means. */
export type FindingStatus =
  /** All is well. */
  | 'OK'
  /** It works, but something should be looked at. */
  | 'WARN'
  /** It does not work. */
  | 'FAIL'
  /** It was not checked, because something before it failed or it does not apply. */
  | 'SKIPPED';

/** A mapping that gives the permission, as it is now. */
export type GivingMapping = {
  readonly __typename?: 'GivingMapping';
  /** The id of the mapping, for `groupMapping(id)`. */
  readonly id: Scalars['ID']['output'];
  /** The provider whose groups it matches; null if it matches those of every provider. */
  readonly provider: Maybe<ProviderSummary>;
  /** The group's name, or a pattern of names. */
  readonly pattern: Scalars['String']['output'];
  /** Whether the mapping gives its permissions. */
  readonly enabled: Scalars['Boolean']['output'];
  /** Raised by each edit; an edit has to name it. */
  readonly version: Scalars['Int']['output'];
};

/** Which permission to give by hand, and to which user. */
export type GrantPermissionInput = {
  /** The id of the user who gets the permission. It cannot be oneself. */
  readonly user: Scalars['ID']['input'];
  /** The id of the permission. */
  readonly permission: Scalars['ID']['input'];
};

/** What `grantPermission` answers: its result, or the problem that stopped it. */
export type GrantPermissionPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** One grant, and where it comes from. */
export type GrantReason = {
  readonly __typename?: 'GrantReason';
  /** Whether it was given by hand or by a group. */
  readonly source: GrantSource;
  /** When it was given. */
  readonly grantedAt: Scalars['DateTime']['output'];
  /** Who gave it: `user:<id>`, `operator:<name>`, `sync` or `system`, as in the audit. */
  readonly grantedBy: Scalars['String']['output'];
  /** The provider that asserted the group; null if it was given by hand. */
  readonly provider: Maybe<ProviderSummary>;
  /** The mapping that gave it; null if it was given by hand. */
  readonly mapping: Maybe<MappingReference>;
  /** The group that it was given for; null if it was given by hand. */
  readonly group: Maybe<GroupSummary>;
  /** The identity that is in the group; null if it was given by hand. */
  readonly identity: Maybe<Identity>;
};

/** Where a grant comes from. */
export type GrantSource =
  /** An admin or an operator gave the permission by hand. */
  | 'MANUAL'
  /** A group mapping gave the permission because of a group. */
  | 'GROUP';

/** A group as a provider asserted it, exactly. */
export type Group = Node & {
  readonly __typename?: 'Group';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** The group as the provider asserted it, character by character. */
  readonly name: Scalars['String']['output'];
  /** The provider that asserted it. */
  readonly provider: ProviderSummary;
  /** When it was first seen. */
  readonly firstSeenAt: Scalars['DateTime']['output'];
  /** Whether any mapping matches it, enabled or not. */
  readonly mapped: Scalars['Boolean']['output'];
  /** The mappings that match it, enabled or not. Needs `identity:mappings:read`. */
  readonly mappings: Maybe<ReadonlyArray<GroupMapping>>;
  /** How many identities are in it, as last asserted completely. */
  readonly memberCount: Scalars['Int']['output'];
};

/** A page of a list (Relay connection). */
export type GroupConnection = {
  readonly __typename?: 'GroupConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<GroupEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type GroupEdge = {
  readonly __typename?: 'GroupEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: Group;
};

/** A rule from groups at a provider, or at every provider, to permissions. */
export type GroupMapping = Node & {
  readonly __typename?: 'GroupMapping';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** The provider whose groups it matches; null if it matches those of every provider. */
  readonly provider: Maybe<ProviderSummary>;
  /** The group's name, or a pattern of names. */
  readonly pattern: Scalars['String']['output'];
  /** How the pattern is compared with group names. */
  readonly match: MatchKind;
  /** The permissions that it gives, by name. */
  readonly permissions: ReadonlyArray<PermissionReference>;
  /** Whether it gives its permissions. */
  readonly enabled: Scalars['Boolean']['output'];
  /** Raised by each edit; an edit has to name it, and is refused if it has changed. */
  readonly version: Scalars['Int']['output'];
  /** Where it is edited: `FILE` or `API`. */
  readonly managedBy: Scalars['String']['output'];
  /** How many groups seen so far it matches. */
  readonly groupCount: Scalars['Int']['output'];
  /** How many identities have grants that the last edit has not updated yet. */
  readonly pending: Scalars['Int']['output'];
  /** When the mapping was made. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When it was last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
  /** The newest 20 events about it, the newest first; `auditEvents` has all. Needs `identity:audit:read`. */
  readonly history: Maybe<ReadonlyArray<AuditEvent>>;
};

/** A page of a list (Relay connection). */
export type GroupMappingConnection = {
  readonly __typename?: 'GroupMappingConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<GroupMappingEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** The mapping is deleted, and what it gave is no longer in force. */
export type GroupMappingDeleted = {
  readonly __typename?: 'GroupMappingDeleted';
  /** The id of the deleted mapping. */
  readonly deletedId: Scalars['ID']['output'];
  /** How many identities have grants that follow the edit within moments. */
  readonly concerned: Scalars['Int']['output'];
};

/** One entry of a page. */
export type GroupMappingEdge = {
  readonly __typename?: 'GroupMappingEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: GroupMapping;
};

/** Whom a change would affect if it were made now. Nothing is changed. */
export type GroupMappingPreview = {
  readonly __typename?: 'GroupMappingPreview';
  /** A digest of who gains and loses what, for `asPreviewed` of the mutation. */
  readonly digest: Scalars['String']['output'];
  /** How many identities are in the mapping's groups, before or after the change. */
  readonly concerned: Scalars['Int']['output'];
  /** How many users would gain a permission that they do not hold now. */
  readonly gaining: Scalars['Int']['output'];
  /** How many users would lose a permission, with no other grant that gives it. */
  readonly losing: Scalars['Int']['output'];
  /** The first 100 users who would gain or lose a permission, by username; none without `identity:users:read`. */
  readonly touched: ReadonlyArray<TouchedUser>;
};

/** The mapping as it is now. */
export type GroupMappingSaved = {
  readonly __typename?: 'GroupMappingSaved';
  /** The mapping after the change. */
  readonly mapping: GroupMapping;
  /** How many identities have grants that follow the edit within moments. */
  readonly concerned: Scalars['Int']['output'];
};

/** A group and where it was seen. `node(id)` has the rest. */
export type GroupSummary = {
  readonly __typename?: 'GroupSummary';
  /** The id of the group. */
  readonly id: Scalars['ID']['output'];
  /** The group as the provider asserted it. */
  readonly name: Scalars['String']['output'];
  /** The provider that asserted the group. */
  readonly provider: ProviderSummary;
};

/** How far the last reading of groups can be trusted. */
export type GroupsCompleteness =
  /** All groups were read. */
  | 'COMPLETE'
  /** The provider says that the person is in no group. */
  | 'EMPTY'
  /** Some groups were read, but the list is cut off. */
  | 'TRUNCATED'
  /** The groups claim could not be read. */
  | 'UNREADABLE'
  /** Nothing is known of the groups. */
  | 'UNKNOWN';

/** How many users hold a permission. */
export type HolderCount = {
  readonly __typename?: 'HolderCount';
  /** How many have it in force now. */
  readonly inForce: Scalars['Int']['output'];
  /** How many have open grants of it, none of which is in force. */
  readonly dormant: Scalars['Int']['output'];
  /** False if there are more than 5,000 holders; only as many are counted then. */
  readonly isExact: Scalars['Boolean']['output'];
};

/** The link from a user to one person at one provider. */
export type Identity = Node & {
  readonly __typename?: 'Identity';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** Whose identity it is. */
  readonly user: UserSummary;
  /** The provider at which the person signs in. */
  readonly provider: ProviderSummary;
  /** The issuer URL of that provider. */
  readonly issuer: Scalars['String']['output'];
  /** The provider's id of the person. Null for a waiting identity, until its first login. */
  readonly subject: Maybe<Scalars['String']['output']>;
  /** Whether the identity can be counted on. */
  readonly state: IdentityState;
  /** Why it is in this state, as a code; null if there is nothing to explain. */
  readonly stateReason: Maybe<Scalars['String']['output']>;
  /** Whether only a new login can confirm it again. What its groups give may stay in force until the lease ends. */
  readonly needsSignIn: Scalars['Boolean']['output'];
  /** When it entered its stored state. `SUSPENDED` and `DISABLED` are not stored. */
  readonly stateSince: Scalars['DateTime']['output'];
  /** When the person last signed in with it. */
  readonly signedInAt: Scalars['DateTime']['output'];
  /** Until when its groups count, unless a sync extends it. Null if they have not been confirmed. */
  readonly permissionsValidUntil: Maybe<Scalars['DateTime']['output']>;
  /** Until when it counts as a way in; null if it does not. */
  readonly signedInUntil: Maybe<Scalars['DateTime']['output']>;
  /** When its provider last confirmed it; null if it never did. */
  readonly verifiedAt: Maybe<Scalars['DateTime']['output']>;
  /** When the next sync is due; null if none is. */
  readonly nextSyncAt: Maybe<Scalars['DateTime']['output']>;
  /** How far the last reading of its groups can be trusted. */
  readonly groupsCompleteness: GroupsCompleteness;
  /** How the provider ended the login; null if it did not, or if its audit event is gone. Needs `identity:users:read`. */
  readonly loginEnd: Maybe<LoginEnd>;
  /** The newest 20 events about it, the newest first; `auditEvents` has all. Needs `identity:audit:read`. */
  readonly history: Maybe<ReadonlyArray<AuditEvent>>;
};

/** A page of a list (Relay connection). */
export type IdentityConnection = {
  readonly __typename?: 'IdentityConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<IdentityEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type IdentityEdge = {
  readonly __typename?: 'IdentityEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: Identity;
};

/** Which identities to list. All criteria have to hold; null leaves a criterion out. */
export type IdentityFilter = {
  /** Only identities in this state. */
  readonly state?: InputMaybe<IdentityState>;
  /** Only identities at the provider with this id. */
  readonly provider?: InputMaybe<Scalars['ID']['input']>;
};

/** The user has a waiting identity, until its person signs in for the first time. */
export type IdentityLinked = {
  readonly __typename?: 'IdentityLinked';
  /** The id of the new identity. */
  readonly identityId: Scalars['ID']['output'];
  /** The names of the permissions given by hand that a `STRICT` provider has closed. */
  readonly closed: ReadonlyArray<Scalars['String']['output']>;
  /** The user after the change. Null, beside an error, if the query selects more than the actor may read of the user. */
  readonly user: Maybe<User>;
};

/** Whether an identity can be counted on. */
export type IdentityState =
  /** The provider has confirmed it lately. */
  | 'FRESH'
  /** It is not confirmed now; `stateReason` says why. What it gives stays in force until its lease ends. */
  | 'STALE'
  /** The login has ended; the person has to sign in again. */
  | 'REVOKED'
  /** The provider's claims for this identity are now about another person. An admin can end this with `releaseIdentity`. */
  | 'QUARANTINED'
  /** The provider is not asked between logins. */
  | 'UNSYNCED'
  /** It is stale and its lease has ended, so its groups give nothing now. */
  | 'SUSPENDED'
  /** Its user or its provider is disabled. */
  | 'DISABLED';

/** One of several problems of an input. */
export type InputProblem = {
  readonly __typename?: 'InputProblem';
  /** Where in the input it is, such as `changes.3.createGroupMapping.pattern`; places in lists begin at 0. */
  readonly path: Scalars['String']['output'];
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
};

/** A value in the input cannot be used. */
export type InvalidInput = Problem & {
  readonly __typename?: 'InvalidInput';
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
  /** The input field that is wrong; null if it is no single one. */
  readonly field: Maybe<Scalars['String']['output']>;
};

/** Which user to link to which person at a provider. */
export type LinkIdentityInput = {
  /** The id of the user who gets the identity. */
  readonly user: Scalars['ID']['input'];
  /** The id of the provider at which the person signs in. */
  readonly provider: Scalars['ID']['input'];
  /** The person's value of the provider's anchor claim. It is compared exactly at the login. */
  readonly anchor: Scalars['String']['input'];
  /** Must be true if a `STRICT` provider closes grants that were given by hand. Otherwise the mutation is refused with `CLOSES_GRANTS`, which names them. */
  readonly acceptClosing?: Scalars['Boolean']['input'];
};

/** What `linkIdentity` answers: its result, or the problem that stopped it. */
export type LinkIdentityPayload = IdentityLinked | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** The logins of one hour. */
export type LoginActivity = {
  readonly __typename?: 'LoginActivity';
  /** The start of the hour. */
  readonly start: Scalars['DateTime']['output'];
  /** How many logins succeeded. */
  readonly succeeded: Scalars['Int']['output'];
  /** How many logins failed. */
  readonly failed: Scalars['Int']['output'];
};

/** How the provider ended a login. */
export type LoginEnd = {
  readonly __typename?: 'LoginEnd';
  /** Why the provider ended the login, as far as its message tells. */
  readonly cause: LoginEndCause;
  /** When the provider ended it. */
  readonly at: Scalars['DateTime']['output'];
  /** The provider's own words, without control characters, at most 600 characters. Null if it said nothing. */
  readonly said: Maybe<Scalars['String']['output']>;
};

/** Why a provider ended a login, as far as its message tells. It is for people to read and decides nothing. */
export type LoginEndCause =
  /** The person was removed or locked, or may not use this application any more. */
  | 'REMOVED'
  /** The refresh token was not used for too long, or is too old. */
  | 'INACTIVE'
  /** The person's session at the provider has ended. */
  | 'SESSION_ENDED'
  /** The person's password was changed, reset or has expired. */
  | 'CREDENTIALS_CHANGED'
  /** The message does not tell. */
  | 'NOT_TOLD';

/** A login that failed. */
export type LoginFailure = {
  readonly __typename?: 'LoginFailure';
  /** The id of the audit event. `node(id)` does not know it. */
  readonly id: Scalars['ID']['output'];
  /** When the login failed. */
  readonly at: Scalars['DateTime']['output'];
  /** The code that the person's page showed. */
  readonly code: Scalars['String']['output'];
  /** What exactly was wrong, as codes and names joined by colons; null if the code says it all. */
  readonly reason: Maybe<Scalars['String']['output']>;
  /** The provider's own words, without control characters and anything like a token, at most 600 characters. Null if it said nothing. */
  readonly said: Maybe<Scalars['String']['output']>;
  /** What went wrong, as a sentence for people. */
  readonly meaning: Scalars['String']['output'];
  /** What to do about it, as a sentence for people. */
  readonly remedy: Scalars['String']['output'];
  /** The id of the request, as the person saw it on the page. */
  readonly requestId: Maybe<Scalars['String']['output']>;
  /** The provider; null for a password, or if none was known. */
  readonly provider: Maybe<ProviderSummary>;
  /** The id of the user whose password was tried; null if there is no such user or it was no password. */
  readonly userId: Maybe<Scalars['ID']['output']>;
};

/** A page of a list (Relay connection). */
export type LoginFailureConnection = {
  readonly __typename?: 'LoginFailureConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<LoginFailureEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type LoginFailureEdge = {
  readonly __typename?: 'LoginFailureEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: LoginFailure;
};

/** A group mapping's id, for `groupMapping(id)`. */
export type MappingReference = {
  readonly __typename?: 'MappingReference';
  /** The id of the group mapping. */
  readonly id: Scalars['ID']['output'];
};

/** How a mapping's pattern is compared with the name of a group. */
export type MatchKind =
  /** The name equals the pattern, character by character. */
  | 'EXACT'
  /** The pattern has wildcards: `*` is any run of characters, `?` is one character, and `\` escapes the next character. */
  | 'GLOB';

/** What keeps a mapping from giving a user a permission, the nearest to success first. */
export type MissingForPermission =
  /** The mapping has given the permission, but the grant is dormant; `grants` has the cause. */
  | 'GRANT_DORMANT'
  /** The user is in a matching group, but there is no open grant. It follows within moments, unless the provider's sync mode or an admin keeps it closed. */
  | 'GRANT_NOT_WRITTEN'
  /** The provider names no group of the user that the mapping matches. */
  | 'GROUP_NOT_SENT'
  /** The mapping is disabled. */
  | 'MAPPING_DISABLED'
  /** The user has no identity at the mapping's provider. */
  | 'NO_IDENTITY';

/** Everything that can be changed. */
export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Make a group mapping. Needs `identity:mappings:write`. */
  readonly createGroupMapping: Maybe<CreateGroupMappingPayload>;
  /** Change a group mapping. Needs `identity:mappings:write`. */
  readonly updateGroupMapping: Maybe<UpdateGroupMappingPayload>;
  /** Delete a group mapping. Needs `identity:mappings:write`. */
  readonly deleteGroupMapping: Maybe<DeleteGroupMappingPayload>;
  /** Make a set of changes, all or none, exactly as previewed; each needs what its own mutation needs. Needs `identity:mappings:write` or `identity:grants:write` or `identity:permissions:write`. */
  readonly applyChangeSet: Maybe<ApplyChangeSetPayload>;
  /** Add a permission. Needs `identity:permissions:write`. */
  readonly createPermission: Maybe<CreatePermissionPayload>;
  /** Change a permission. Needs `identity:permissions:write`. */
  readonly updatePermission: Maybe<UpdatePermissionPayload>;
  /** Delete an unused permission. Needs `identity:permissions:write`. */
  readonly deletePermission: Maybe<DeletePermissionPayload>;
  /** Give a permission by hand. Needs `identity:grants:write`. */
  readonly grantPermission: Maybe<GrantPermissionPayload>;
  /** Take back a grant by hand, and one that an `ADDITIVE` provider left when the person left the group; what a group of theirs gives stays. Needs `identity:grants:write`. */
  readonly revokePermission: Maybe<RevokePermissionPayload>;
  /** Make a provider. Needs `identity:providers:write`. */
  readonly createProvider: Maybe<CreateProviderPayload>;
  /** Change the given settings; a provider that moves needs its secret again, and its logins end. Needs `identity:providers:write`. */
  readonly updateProvider: Maybe<UpdateProviderPayload>;
  /** Store a client secret beside the one that it replaces. Needs `identity:providers:write`. */
  readonly setProviderSecret: Maybe<SetProviderSecretPayload>;
  /** Remove a client secret of a provider. Needs `identity:providers:write`. */
  readonly removeProviderSecret: Maybe<RemoveProviderSecretPayload>;
  /** Enable a provider, so that people can sign in there. Needs `identity:providers:write`. */
  readonly enableProvider: Maybe<EnableProviderPayload>;
  /** Disable a provider: nobody signs in there any more, and the sessions from there end. Needs `identity:providers:write`. */
  readonly disableProvider: Maybe<DisableProviderPayload>;
  /** Delete a disabled provider that has neither identities nor mappings of its own. Needs `identity:providers:write`. */
  readonly deleteProvider: Maybe<DeleteProviderPayload>;
  /** Read the provider's metadata and keys again, in this process at once and in others within the hour. Needs `identity:providers:write`. */
  readonly refreshProviderMetadata: Maybe<RefreshProviderMetadataPayload>;
  /** Test a provider as far as that is possible without a person, and prepare a test login; nothing is changed. Needs `identity:providers:write`. */
  readonly testProvider: Maybe<TestProviderPayload>;
  /** Disable a user: nothing of theirs is in force, and all their sessions and tokens end. Needs `identity:users:write`. */
  readonly disableUser: Maybe<DisableUserPayload>;
  /** Enable a disabled user. Needs `identity:users:write`. */
  readonly enableUser: Maybe<EnableUserPayload>;
  /** Ask the user's providers now; the result is in the identities of the user. Needs `identity:users:write`. */
  readonly syncUser: Maybe<SyncUserPayload>;
  /** End a session: one's own, or anybody's. Needs `identity:users:write`, except for oneself. */
  readonly endSession: Maybe<EndSessionPayload>;
  /** Make a webhook; it is sent changes from now on. Needs `identity:webhooks:write`. */
  readonly createWebhook: Maybe<CreateWebhookPayload>;
  /** Change a webhook, or disable or enable it. Needs `identity:webhooks:write`. */
  readonly updateWebhook: Maybe<UpdateWebhookPayload>;
  /** Delete a webhook with its log. Needs `identity:webhooks:write`. */
  readonly deleteWebhook: Maybe<DeleteWebhookPayload>;
  /** Give a webhook another secret; for 24 hours messages are signed with both. Needs `identity:webhooks:write`. */
  readonly rotateWebhookSecret: Maybe<RotateWebhookSecretPayload>;
  /** Send a test message to a webhook now, and wait 4 seconds at most for the answer; nothing is changed. Needs `identity:webhooks:write`. */
  readonly testWebhook: Maybe<TestWebhookPayload>;
  /** Send everything after a position again, in order and with the same ids, as far as changes are kept: a week. Needs `identity:webhooks:write`. */
  readonly replayWebhook: Maybe<ReplayWebhookPayload>;
  /** Make a user, who has no way in yet. Needs `identity:users:write`. */
  readonly createUser: Maybe<CreateUserPayload>;
  /** Change a user's names and e-mail address, where no provider manages them. Needs `identity:users:write`, except for oneself. */
  readonly updateUserProfile: Maybe<UpdateUserProfilePayload>;
  /** Make a link by which a user chooses a password, once, within a day; earlier links stop working. Needs `identity:users:write`. */
  readonly createPasswordToken: Maybe<CreatePasswordTokenPayload>;
  /** Unlock a user after too many wrong passwords. Needs `identity:users:write`. */
  readonly unlockUser: Maybe<UnlockUserPayload>;
  /** Remove a user's password and second factor, and end the sessions that came from them. Needs `identity:users:write`. */
  readonly removeUserPassword: Maybe<RemoveUserPasswordPayload>;
  /** Remove a user's second factor, for example a lost phone. Needs `identity:users:write`. */
  readonly resetUserTotp: Maybe<ResetUserTotpPayload>;
  /** Change one's password. All other sessions that came from it end. */
  readonly changePassword: Maybe<ChangePasswordPayload>;
  /** Begin to set up one's second factor; `confirmTotp` completes it. */
  readonly enrolTotp: Maybe<EnrolTotpPayload>;
  /** Confirm one's second factor: signing in with the password asks for a code, and other sessions from it end. */
  readonly confirmTotp: Maybe<ConfirmTotpPayload>;
  /** Remove one's second factor. */
  readonly removeTotp: Maybe<RemoveTotpPayload>;
  /** Link a user to the person with an anchor value at a provider, who can then sign in as this user. Needs `identity:users:write`. */
  readonly linkIdentity: Maybe<LinkIdentityPayload>;
  /** Remove an identity from its user; its logins end, and the grants from its groups are closed. Needs `identity:users:write`. */
  readonly unlinkIdentity: Maybe<UnlinkIdentityPayload>;
  /** End a quarantine, so that the person whom the identity has always meant can sign in again. Needs `identity:users:write`. */
  readonly releaseIdentity: Maybe<ReleaseIdentityPayload>;
};


/** Everything that can be changed. */
export type MutationCreateGroupMappingArgs = {
  input: CreateGroupMappingInput;
};


/** Everything that can be changed. */
export type MutationUpdateGroupMappingArgs = {
  input: UpdateGroupMappingInput;
};


/** Everything that can be changed. */
export type MutationDeleteGroupMappingArgs = {
  input: DeleteGroupMappingInput;
};


/** Everything that can be changed. */
export type MutationApplyChangeSetArgs = {
  input: ApplyChangeSetInput;
};


/** Everything that can be changed. */
export type MutationCreatePermissionArgs = {
  input: CreatePermissionInput;
};


/** Everything that can be changed. */
export type MutationUpdatePermissionArgs = {
  input: UpdatePermissionInput;
};


/** Everything that can be changed. */
export type MutationDeletePermissionArgs = {
  input: DeletePermissionInput;
};


/** Everything that can be changed. */
export type MutationGrantPermissionArgs = {
  input: GrantPermissionInput;
};


/** Everything that can be changed. */
export type MutationRevokePermissionArgs = {
  input: RevokePermissionInput;
};


/** Everything that can be changed. */
export type MutationCreateProviderArgs = {
  input: CreateProviderInput;
};


/** Everything that can be changed. */
export type MutationUpdateProviderArgs = {
  input: UpdateProviderInput;
};


/** Everything that can be changed. */
export type MutationSetProviderSecretArgs = {
  input: SetProviderSecretInput;
};


/** Everything that can be changed. */
export type MutationRemoveProviderSecretArgs = {
  input: RemoveProviderSecretInput;
};


/** Everything that can be changed. */
export type MutationEnableProviderArgs = {
  input: EnableProviderInput;
};


/** Everything that can be changed. */
export type MutationDisableProviderArgs = {
  input: DisableProviderInput;
};


/** Everything that can be changed. */
export type MutationDeleteProviderArgs = {
  input: DeleteProviderInput;
};


/** Everything that can be changed. */
export type MutationRefreshProviderMetadataArgs = {
  input: RefreshProviderMetadataInput;
};


/** Everything that can be changed. */
export type MutationTestProviderArgs = {
  input: TestProviderInput;
};


/** Everything that can be changed. */
export type MutationDisableUserArgs = {
  input: DisableUserInput;
};


/** Everything that can be changed. */
export type MutationEnableUserArgs = {
  input: EnableUserInput;
};


/** Everything that can be changed. */
export type MutationSyncUserArgs = {
  input: SyncUserInput;
};


/** Everything that can be changed. */
export type MutationEndSessionArgs = {
  input: EndSessionInput;
};


/** Everything that can be changed. */
export type MutationCreateWebhookArgs = {
  input: CreateWebhookInput;
};


/** Everything that can be changed. */
export type MutationUpdateWebhookArgs = {
  input: UpdateWebhookInput;
};


/** Everything that can be changed. */
export type MutationDeleteWebhookArgs = {
  input: DeleteWebhookInput;
};


/** Everything that can be changed. */
export type MutationRotateWebhookSecretArgs = {
  input: RotateWebhookSecretInput;
};


/** Everything that can be changed. */
export type MutationTestWebhookArgs = {
  input: TestWebhookInput;
};


/** Everything that can be changed. */
export type MutationReplayWebhookArgs = {
  input: ReplayWebhookInput;
};


/** Everything that can be changed. */
export type MutationCreateUserArgs = {
  input: CreateUserInput;
};


/** Everything that can be changed. */
export type MutationUpdateUserProfileArgs = {
  input: UpdateUserProfileInput;
};


/** Everything that can be changed. */
export type MutationCreatePasswordTokenArgs = {
  input: CreatePasswordTokenInput;
};


/** Everything that can be changed. */
export type MutationUnlockUserArgs = {
  input: UnlockUserInput;
};


/** Everything that can be changed. */
export type MutationRemoveUserPasswordArgs = {
  input: RemoveUserPasswordInput;
};


/** Everything that can be changed. */
export type MutationResetUserTotpArgs = {
  input: ResetUserTotpInput;
};


/** Everything that can be changed. */
export type MutationChangePasswordArgs = {
  input: ChangePasswordInput;
};


/** Everything that can be changed. */
export type MutationEnrolTotpArgs = {
  input: EnrolTotpInput;
};


/** Everything that can be changed. */
export type MutationConfirmTotpArgs = {
  input: ConfirmTotpInput;
};


/** Everything that can be changed. */
export type MutationRemoveTotpArgs = {
  input: RemoveTotpInput;
};


/** Everything that can be changed. */
export type MutationLinkIdentityArgs = {
  input: LinkIdentityInput;
};


/** Everything that can be changed. */
export type MutationUnlinkIdentityArgs = {
  input: UnlinkIdentityInput;
};


/** Everything that can be changed. */
export type MutationReleaseIdentityArgs = {
  input: ReleaseIdentityInput;
};

/** A name with its value. */
export type NameValue = {
  readonly __typename?: 'NameValue';
  /** The name. */
  readonly name: Scalars['String']['output'];
  /** The value, as text. */
  readonly value: Scalars['String']['output'];
};

/** A name with its value. */
export type NameValueInput = {
  /** The name. */
  readonly name: Scalars['String']['input'];
  /** The value, as text. */
  readonly value: Scalars['String']['input'];
};

/** Something with a global id, which `node(id)` can answer. */
export type Node = {
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
};

/** The actor may not do this; the code names the rule. */
export type NotAllowed = Problem & {
  readonly __typename?: 'NotAllowed';
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
  /** For `STEP_UP_REQUIRED`: the URL for the step-up; null for other codes. A frontend adds `return_to` and `state`; to an authorization endpoint `redirect_uri`, `state` and `code_challenge`. */
  readonly stepUpUrl: Maybe<Scalars['String']['output']>;
};

/** An id in the input names nothing in this tenant. */
export type NotFoundError = Problem & {
  readonly __typename?: 'NotFoundError';
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
};

/** How far single sign-on has been set up. */
export type Onboarding = {
  readonly __typename?: 'Onboarding';
  /** Whether every step is done. */
  readonly complete: Scalars['Boolean']['output'];
  /** All steps, in order. */
  readonly steps: ReadonlyArray<OnboardingStep>;
};

/** What a step belongs to. */
export type OnboardingPhase =
  /** Values entered at the provider and in this service. */
  | 'PREPARE'
  /** The first login by a person who exists at the provider. */
  | 'CONNECT'
  /** What later logins and groups show, and whether a mapping admin exists. */
  | 'TEST';

/** How far a step is. */
export type OnboardingStatus =
  /** It is done. */
  | 'DONE'
  /** It is still to be done. */
  | 'OPEN'
  /** Something is wrong; `detail` says what to do. */
  | 'PROBLEM';

/** One step of the checklist. */
export type OnboardingStep = {
  readonly __typename?: 'OnboardingStep';
  /** A stable key, for programs. It occurs once for each provider. */
  readonly key: Scalars['String']['output'];
  /** What the step belongs to. */
  readonly phase: OnboardingPhase;
  /** The provider that it is about; null if it is about the whole tenant. */
  readonly provider: Maybe<ProviderSummary>;
  /** What the step is about, for people. */
  readonly title: Scalars['String']['output'];
  /** How far the step is. */
  readonly status: OnboardingStatus;
  /** The state of the step, and what to do if it is open or a problem. */
  readonly detail: Scalars['String']['output'];
  /** Values to copy for this step. */
  readonly values: ReadonlyArray<OnboardingValue>;
};

/** A text to copy as it is, into the provider's console or into a browser. */
export type OnboardingValue = {
  readonly __typename?: 'OnboardingValue';
  /** What the value is, for people. */
  readonly label: Scalars['String']['output'];
  /** The text to copy. */
  readonly value: Scalars['String']['output'];
};

/** Which end of an order comes first. */
export type OrderDirection =
  /** The smallest value comes first. */
  | 'ASC'
  /** The greatest value comes first. */
  | 'DESC';

/** Where a page stands in its list. */
export type PageInfo = {
  readonly __typename?: 'PageInfo';
  /** Whether there are entries after this page. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** Whether the page was asked for with `after`. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** The cursor of the first entry; null for an empty page. */
  readonly startCursor: Maybe<Scalars['String']['output']>;
  /** The cursor of the last entry, for `after` of the next page; null for an empty page. */
  readonly endCursor: Maybe<Scalars['String']['output']>;
};

/** A link by which a user chooses a password, once. It is shown only here. */
export type PasswordTokenCreated = {
  readonly __typename?: 'PasswordTokenCreated';
  /** The link for the user. Anybody who has it can take over the account, so hand it over safely. */
  readonly url: Scalars['String']['output'];
  /** When the link stops working. */
  readonly expiresAt: Scalars['DateTime']['output'];
};

/** A grant as it was given, and how it ended if it has. It does not say whether its lease had ended. */
export type PastGrant = {
  readonly __typename?: 'PastGrant';
  /** The id of the grant in the audit. `node(id)` does not know it. */
  readonly id: Scalars['ID']['output'];
  /** The user who had it, by their present names. */
  readonly user: UserSummary;
  /** The permission that was given. */
  readonly permission: PermissionReference;
  /** Whether it was given by hand or by a group. */
  readonly source: GrantSource;
  /** The id of the mapping that gave it, which may be gone. Null if it was given by hand. */
  readonly mappingId: Maybe<Scalars['ID']['output']>;
  /** That mapping's present pattern, or its last one if it is gone. Null if the grant was given by hand. */
  readonly pattern: Maybe<Scalars['String']['output']>;
  /** The group that it was given for; null if it was given by hand. */
  readonly group: Maybe<Scalars['String']['output']>;
  /** The slug of the provider that asserted the group; null if it was given by hand. */
  readonly provider: Maybe<Scalars['String']['output']>;
  /** When it was given. */
  readonly grantedAt: Scalars['DateTime']['output'];
  /** Who gave it, as in the audit. */
  readonly grantedBy: Scalars['String']['output'];
  /** When it was closed; null if it is open. */
  readonly revokedAt: Maybe<Scalars['DateTime']['output']>;
  /** Who closed it, as in the audit; null if it is open. */
  readonly revokedBy: Maybe<Scalars['String']['output']>;
  /** Why it was closed, as a code; null if it is open. */
  readonly revokedReason: Maybe<Scalars['String']['output']>;
};

/** A page of a list (Relay connection). */
export type PastGrantConnection = {
  readonly __typename?: 'PastGrantConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<PastGrantEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type PastGrantEdge = {
  readonly __typename?: 'PastGrantEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: PastGrant;
};

/** A named right, `noun:verb`. Those under `identity:` are this service's own. */
export type Permission = Node & {
  readonly __typename?: 'Permission';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** The name, `noun:verb`, unique within the tenant. */
  readonly name: Scalars['String']['output'];
  /** What the permission allows, for people; it may be empty. */
  readonly description: Scalars['String']['output'];
  /** Whether a mapping admin may give it without holding it. */
  readonly delegable: Scalars['Boolean']['output'];
  /** The newest 20 events about it, the newest first; `auditEvents` has all. Needs `identity:audit:read`. */
  readonly history: Maybe<ReadonlyArray<AuditEvent>>;
};

/** A page of a list (Relay connection). */
export type PermissionConnection = {
  readonly __typename?: 'PermissionConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<PermissionEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** The permission is deleted. */
export type PermissionDeleted = {
  readonly __typename?: 'PermissionDeleted';
  /** The id of the deleted permission. */
  readonly deletedId: Scalars['ID']['output'];
};

/** One entry of a page. */
export type PermissionEdge = {
  readonly __typename?: 'PermissionEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: Permission;
};

/** Why a user has a permission now, or does not. */
export type PermissionExplanation = {
  readonly __typename?: 'PermissionExplanation';
  /** The user. */
  readonly user: UserSummary;
  /** The permission. */
  readonly permission: PermissionReference;
  /** Whether the permission is in force now. */
  readonly held: Scalars['Boolean']['output'];
  /** The moment that this answer describes. */
  readonly at: Scalars['DateTime']['output'];
  /** Every open grant of the permission, in force or dormant. */
  readonly grants: ReadonlyArray<ExplainedGrant>;
  /** Mappings that would give the permission but do not, the nearest to success first, at most 50. It needs `identity:mappings:read`. */
  readonly untakenWays: Maybe<ReadonlyArray<UntakenWay>>;
};

/** A user with an open grant of a permission. */
export type PermissionHolder = {
  readonly __typename?: 'PermissionHolder';
  /** The user. */
  readonly user: User;
  /** Whether the permission is in force now. */
  readonly inForce: Scalars['Boolean']['output'];
  /** Every grant that gives it now, with its mapping and group. Empty if none is in force. */
  readonly reasons: ReadonlyArray<GrantReason>;
  /** The open grants of it that are not in force, each with the cause. */
  readonly dormant: ReadonlyArray<DormantPermission>;
};

/** A page of a list (Relay connection). */
export type PermissionHolderConnection = {
  readonly __typename?: 'PermissionHolderConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<PermissionHolderEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type PermissionHolderEdge = {
  readonly __typename?: 'PermissionHolderEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: PermissionHolder;
};

/** A permission's name. `node(id)` has the rest. */
export type PermissionReference = {
  readonly __typename?: 'PermissionReference';
  /** The id of the permission. */
  readonly id: Scalars['ID']['output'];
  /** The name of the permission, `noun:verb`. */
  readonly name: Scalars['String']['output'];
};

/** Which grants were closed, and which still give the permission. */
export type PermissionRevoked = {
  readonly __typename?: 'PermissionRevoked';
  /** The user after the change. Null, beside an error, if the query selects more than the actor may read of the user. */
  readonly user: Maybe<User>;
  /** The grants that were closed. Null, beside an error, without `identity:users:read`. */
  readonly closed: Maybe<ReadonlyArray<GrantReason>>;
  /** The grants that still give the permission, because of groups the user is in. Null, beside an error, without `identity:users:read`. */
  readonly remaining: Maybe<ReadonlyArray<GrantReason>>;
};

/** The permission as it is now. */
export type PermissionSaved = {
  readonly __typename?: 'PermissionSaved';
  /** The permission after the change. */
  readonly permission: Permission;
};

/** Why a mutation did not do what was asked. Nothing was changed. */
export type Problem = {
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
};

/** An OpenID Provider, or OAuth 2.0 provider, of the tenant. */
export type Provider = Node & {
  readonly __typename?: 'Provider';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** The provider's name in addresses, unique within the tenant. */
  readonly slug: Scalars['String']['output'];
  /** `oidc` or `oauth2`. */
  readonly protocol: Scalars['String']['output'];
  /** The name of the preset that it was made from; null for none. */
  readonly preset: Maybe<Scalars['String']['output']>;
  /** The name on the login page. */
  readonly label: Scalars['String']['output'];
  /** The icon on the login page; null for none. */
  readonly icon: Maybe<Scalars['String']['output']>;
  /** The place on the login page; the lowest number comes first. */
  readonly position: Scalars['Int']['output'];
  /** Whether people can sign in there. */
  readonly enabled: Scalars['Boolean']['output'];
  /** The issuer URL. It is compared character by character. */
  readonly issuer: Scalars['String']['output'];
  /** Where the provider metadata is; null for the well-known path under the issuer. */
  readonly discoveryUrl: Maybe<Scalars['String']['output']>;
  /** The `client_id` that the provider has registered for us. */
  readonly clientId: Scalars['String']['output'];
  /** How we authenticate at the token endpoint, such as `client_secret_basic` or `private_key_jwt`. */
  readonly clientAuthentication: Scalars['String']['output'];
  /** Our redirect URL, exactly as it is registered at the provider. */
  readonly redirectUrl: Scalars['String']['output'];
  /** The OAuth scopes that a login asks for. */
  readonly scopes: ReadonlyArray<Scalars['String']['output']>;
  /** Parameters that are added to the authorization request. */
  readonly authorizationParameters: ReadonlyArray<NameValue>;
  /** The addresses of an OAuth 2.0 provider by name: `authorization`, `token` and `userinfo`. Empty for OpenID Connect. */
  readonly endpoints: ReadonlyArray<NameValue>;
  /** Where claims are looked for. */
  readonly claims: ProviderClaims;
  /** Settings of the client that differ from the usual. */
  readonly clientSettings: ProviderClientSettings;
  /** Who may sign in for the first time. */
  readonly provisioning: ProviderProvisioning;
  /** Whether a first login may take over a user with the same username who was never linked. */
  readonly adoptByName: Scalars['Boolean']['output'];
  /** What `email_verified` must say: `IGNORE` asks nothing, `REQUIRED` asks for true, and `TRUSTED` takes every address as verified. */
  readonly emailVerifiedRule: Scalars['String']['output'];
  /** What an absent groups claim means: `EMPTY` for no groups, `UNKNOWN` for not known. */
  readonly absentGroups: Scalars['String']['output'];
  /** How permissions follow the provider's groups. */
  readonly syncMode: ProviderSyncMode;
  /** How the provider is asked again between logins. */
  readonly sync: ProviderSync;
  /** The time between two syncs of an identity, in seconds. */
  readonly syncIntervalSeconds: Scalars['Int']['output'];
  /** How long permissions stay in force while the provider cannot be asked, in seconds. */
  readonly outageGraceSeconds: Scalars['Int']['output'];
  /** How long the last login counts if sync is `OFF`, in seconds. */
  readonly unsyncedLeaseSeconds: Scalars['Int']['output'];
  /** How many calls a second each worker may make for syncs. Null for the rate that the provider allows. */
  readonly maxRate: Maybe<Scalars['Int']['output']>;
  /** How many calls for syncs may be under way at the provider at once. */
  readonly maxConcurrent: Scalars['Int']['output'];
  /** Whether the provider can be asked for a new proof of who the person is (step-up). */
  readonly reauthentication: Scalars['Boolean']['output'];
  /** Where people are sent after they have signed out; null for our own page. */
  readonly logoutPageUrl: Maybe<Scalars['String']['output']>;
  /** Where it is edited: `FILE` or `API`. */
  readonly managedBy: Scalars['String']['output'];
  /** Raised by each edit; `updateProvider` has to name it. */
  readonly version: Scalars['Int']['output'];
  /** Its client secrets, the one in use first. Their values are never shown. */
  readonly secrets: ReadonlyArray<ProviderSecret>;
  /** Our URLs to register at the provider. */
  readonly urls: ProviderUrLs;
  /** When the provider was made. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When it was last changed. */
  readonly updatedAt: Scalars['DateTime']['output'];
  /** The newest 20 events about it, the newest first; `auditEvents` has all. Needs `identity:audit:read`. */
  readonly history: Maybe<ReadonlyArray<AuditEvent>>;
};

/** Where each claim is looked for, in order. */
export type ProviderClaims = {
  readonly __typename?: 'ProviderClaims';
  /** Where the anchor is looked for, in order, such as `id_token / sub`. */
  readonly anchor: ReadonlyArray<Scalars['String']['output']>;
  /** Where the username is looked for, in order. */
  readonly username: ReadonlyArray<Scalars['String']['output']>;
  /** Where the display label is looked for, in order. */
  readonly display: ReadonlyArray<Scalars['String']['output']>;
  /** Where the e-mail address is looked for, in order. */
  readonly email: ReadonlyArray<Scalars['String']['output']>;
  /** Where the groups are looked for, in order. */
  readonly groups: ReadonlyArray<Scalars['String']['output']>;
  /** The Entra directories whose people may sign in. Empty where the issuer stands for one directory. */
  readonly directories: ReadonlyArray<Scalars['String']['output']>;
  /** Whether people whose groups give no permission are refused. */
  readonly denyUnmapped: Scalars['Boolean']['output'];
  /** How the UserInfo endpoint is called: `GET` or `POST`. */
  readonly userinfoMethod: Scalars['String']['output'];
  /** Whether a name that no claim has is read from the callback's field `user` (Apple). Nobody signs that field. */
  readonly nameInCallback: Scalars['Boolean']['output'];
  /** The vendor's API that lists groups that claims leave out: `entra`, `github`, `google` or `okta`. Null uses claims alone. */
  readonly groupSource: Maybe<Scalars['String']['output']>;
};

/** Settings of the client that differ from the usual. */
export type ProviderClientSettings = {
  readonly __typename?: 'ProviderClientSettings';
  /** The algorithm that our JWTs for client authentication are signed with: `RS256`, `PS256` or `ES256`. */
  readonly signingAlgorithm: Scalars['String']['output'];
  /** The audience of our JWTs for client authentication: `ISSUER` or `TOKEN_ENDPOINT`. */
  readonly assertionAudience: Scalars['String']['output'];
  /** Whether the tokens of new logins are bound to a key (DPoP, RFC 9449). */
  readonly dpop: Scalars['Boolean']['output'];
  /** Whether ID Tokens must be encrypted to us. */
  readonly encryptedIdTokens: Scalars['Boolean']['output'];
  /** Whether UserInfo must be a signed JWT. */
  readonly signedUserinfo: Scalars['Boolean']['output'];
  /** The only certificate authorities trusted for this provider, as PEM; null for the usual ones. */
  readonly caCertificatePem: Maybe<Scalars['String']['output']>;
  /** Apple's id of the developer account, for `apple_client_secret`; null elsewhere. */
  readonly appleTeamId: Maybe<Scalars['String']['output']>;
  /** Apple's id of the key, for `apple_client_secret`; null elsewhere. */
  readonly appleKeyId: Maybe<Scalars['String']['output']>;
  /** Whether signing out ends the session at the provider as well. If false, only our own session ends. */
  readonly signOutAtProvider: Scalars['Boolean']['output'];
  /** Parameters for the provider's end-session endpoint. `{return_url}` in a value is our address to come back to. */
  readonly endSessionParameters: ReadonlyArray<NameValue>;
  /** Checks that the operator has switched off for this provider, each with its risk. */
  readonly exceptions: ReadonlyArray<Scalars['String']['output']>;
};

/** A page of a list (Relay connection). */
export type ProviderConnection = {
  readonly __typename?: 'ProviderConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<ProviderEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** The provider is deleted. */
export type ProviderDeleted = {
  readonly __typename?: 'ProviderDeleted';
  /** The id of the deleted provider. */
  readonly deletedId: Scalars['ID']['output'];
};

/** What belongs to a provider. It can be deleted when it is disabled and has neither identities nor mappings. */
export type ProviderDeletion = {
  readonly __typename?: 'ProviderDeletion';
  /** How many identities it has. */
  readonly identities: Scalars['Int']['output'];
  /** How many live sessions began there. */
  readonly sessions: Scalars['Int']['output'];
  /** How many group mappings are for this provider alone. */
  readonly mappings: Scalars['Int']['output'];
};

/** One entry of a page. */
export type ProviderEdge = {
  readonly __typename?: 'ProviderEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: Provider;
};

/** One thing that was checked. */
export type ProviderFinding = {
  readonly __typename?: 'ProviderFinding';
  /** What was checked. */
  readonly step: Scalars['String']['output'];
  /** How it went. */
  readonly status: FindingStatus;
  /** `OK`, or a code that the documentation explains. */
  readonly code: Scalars['String']['output'];
  /** What was found, as a sentence for people. */
  readonly message: Scalars['String']['output'];
  /** What to do about it, as a sentence for people. */
  readonly remedy: Scalars['String']['output'];
  /** What the settings say; null where nothing is compared. */
  readonly expected: Maybe<Scalars['String']['output']>;
  /** What the provider says; null where nothing is compared. */
  readonly found: Maybe<Scalars['String']['output']>;
};

/** Who may sign in for the first time. */
export type ProviderProvisioning =
  /** Anybody whom the provider signs in; a user is made at the first login. */
  | 'JIT'
  /** Only a person whose username is that of an existing user, compared exactly, capitals included. */
  | 'KNOWN_USERS'
  /** Only a person whom an admin has linked to a user before. */
  | 'LINKED_ONLY';

/** The provider as it is now. */
export type ProviderSaved = {
  readonly __typename?: 'ProviderSaved';
  /** The provider after the change. */
  readonly provider: Provider;
};

/** A stored client secret. Its value is never shown. */
export type ProviderSecret = {
  readonly __typename?: 'ProviderSecret';
  /** For `removeProviderSecret`. */
  readonly id: Scalars['ID']['output'];
  /** When it was stored. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When the provider stops accepting it; null if that is not known. */
  readonly expiresAt: Maybe<Scalars['DateTime']['output']>;
};

/** A provider's names. `node(id)` has the rest. */
export type ProviderSummary = {
  readonly __typename?: 'ProviderSummary';
  /** The id of the provider. */
  readonly id: Scalars['ID']['output'];
  /** The provider's name in addresses. */
  readonly slug: Scalars['String']['output'];
  /** The provider's name on the login page. */
  readonly label: Scalars['String']['output'];
};

/** How a provider is asked between logins. */
export type ProviderSync =
  /** With the login's refresh token. */
  | 'REFRESH_TOKEN'
  /** With the login's access token. */
  | 'ACCESS_TOKEN'
  /** It is not asked; the claims of the last login count for `unsyncedLeaseSeconds`. */
  | 'OFF';

/** How the sync of one provider stands now. */
export type ProviderSyncHealth = {
  readonly __typename?: 'ProviderSyncHealth';
  /** The provider. */
  readonly provider: ProviderSummary;
  /** How its sync stands, in one word. */
  readonly standing: SyncStanding;
  /** How many identities are in each state. */
  readonly states: ReadonlyArray<SyncCount>;
  /** Why identities are not fresh, and how many each, the commonest reason first. */
  readonly reasons: ReadonlyArray<SyncCount>;
  /** How many identities are synced. */
  readonly synced: Scalars['Int']['output'];
  /** How many of them are due for a sync now. */
  readonly due: Scalars['Int']['output'];
  /** How many syncs are under way. */
  readonly inFlight: Scalars['Int']['output'];
  /** How long the most overdue identity has been due, in seconds. */
  readonly oldestDueSeconds: Scalars['Float']['output'];
  /** How many calls a second are needed to read every synced identity once in 600 seconds. */
  readonly neededRate: Scalars['Float']['output'];
  /** How many calls a second each worker makes at most: `maxRate`, or the rate that the provider allows, if that is less. Null for no limit. */
  readonly allowedRate: Maybe<Scalars['Int']['output']>;
  /** Why the provider last refused our calls, as a code; null if it did not. */
  readonly refusal: Maybe<Scalars['String']['output']>;
  /** When a call is tried again while the provider refuses us; null otherwise. */
  readonly nextProbeAt: Maybe<Scalars['DateTime']['output']>;
  /** When the operator paused its syncs; null if they are not paused. */
  readonly pausedAt: Maybe<Scalars['DateTime']['output']>;
};

/** How permissions follow a provider's groups. */
export type ProviderSyncMode =
  /** Only groups decide: leaving a group takes away what it gave. */
  | 'STRICT'
  /** Groups add permissions; leaving a group takes nothing away. */
  | 'ADDITIVE'
  /** Groups give nothing. */
  | 'NONE';

/** One's own newest test login of a provider. It is kept for ten minutes. */
export type ProviderTestReport = {
  readonly __typename?: 'ProviderTestReport';
  /** The state of the test login. */
  readonly status: ProviderTestStatus;
  /** The finding to read first; it names the fault. */
  readonly verdict: ProviderFinding;
  /** Everything that was checked, in order. */
  readonly findings: ReadonlyArray<ProviderFinding>;
  /** What each claim setting found. */
  readonly settings: ReadonlyArray<ClaimReport>;
  /** The documents that claims were looked for in. */
  readonly documents: ReadonlyArray<DocumentNames>;
  /** Whether the provider issued a refresh token; null if the login did not come that far. */
  readonly isRefreshable: Maybe<Scalars['Boolean']['output']>;
  /** When the test login began; null if there is none. */
  readonly begunAt: Maybe<Scalars['DateTime']['output']>;
  /** When the report is forgotten; null if there is none. */
  readonly expiresAt: Maybe<Scalars['DateTime']['output']>;
};

/** The state of a test login. */
export type ProviderTestStatus =
  /** It is not finished yet. */
  | 'WAITING'
  /** It succeeded. */
  | 'PASSED'
  /** It failed; the verdict says why. */
  | 'FAILED';

/** The results of the checks that need no person, and the link to a test login. */
export type ProviderTested = {
  readonly __typename?: 'ProviderTested';
  /** The finding to read first; it names the fault. */
  readonly verdict: ProviderFinding;
  /** Everything that was checked, in order. */
  readonly findings: ReadonlyArray<ProviderFinding>;
  /** A link that makes a test login, once, in the browser of the admin who asked. Nobody is signed in and nothing is changed. */
  readonly loginUrl: Scalars['String']['output'];
};

/** Our URLs to register at the provider. OAuth 2.0 uses the redirect URL alone. */
export type ProviderUrLs = {
  readonly __typename?: 'ProviderURLs';
  /** The redirect URL. */
  readonly redirect: Scalars['String']['output'];
  /** The back-channel logout URL, to which the provider posts logout tokens; null for OAuth 2.0. */
  readonly backchannelLogout: Maybe<Scalars['String']['output']>;
  /** The front-channel logout URL, which the provider loads in the browser; null for OAuth 2.0. */
  readonly frontchannelLogout: Maybe<Scalars['String']['output']>;
  /** Where the provider sends people after they have signed out, one URL for each host. Empty for OAuth 2.0. */
  readonly postLogoutRedirects: ReadonlyArray<Scalars['String']['output']>;
  /** The URL at which the provider can start a login; null for OAuth 2.0. */
  readonly initiateLogin: Maybe<Scalars['String']['output']>;
};

/** Everything that can be read. */
export type Query = {
  readonly __typename?: 'Query';
  /** The user who is signed in, for everybody. */
  readonly viewer: Viewer;
  /** Any object that has a global id. Needs what the root field of its type needs. */
  readonly node: Maybe<Node>;
  /** Objects by their global ids, at most 100, in the order given; each needs what `node` needs, and is null if it does not exist. */
  readonly nodes: Maybe<ReadonlyArray<Maybe<Node>>>;
  /** One user. Needs `identity:users:read`, except for oneself. */
  readonly user: Maybe<User>;
  /** The tenant's users. Needs `identity:users:read`. */
  readonly users: Maybe<UserConnection>;
  /** The tenant's identities, oldest first. Needs `identity:users:read`. */
  readonly identities: Maybe<IdentityConnection>;
  /** The tenant's providers, in the order of the login page. Needs `identity:providers:read`. */
  readonly providers: Maybe<ProviderConnection>;
  /** What prevents deleting a provider. Needs `identity:providers:read`. */
  readonly previewProviderDeletion: Maybe<ProviderDeletion>;
  /** How one's own newest test login of a provider went. Needs `identity:providers:write`. */
  readonly providerTest: Maybe<ProviderTestReport>;
  /** Logins that failed, the newest first. Needs `identity:providers:read`. */
  readonly loginFailures: Maybe<LoginFailureConnection>;
  /** How the sync of each provider stands, by slug. Needs `identity:providers:read` or `identity:audit:read`. */
  readonly syncHealth: Maybe<ReadonlyArray<ProviderSyncHealth>>;
  /** Groups seen at the tenant's providers, by provider and name; compared exactly. Needs `identity:groups:read`. */
  readonly groups: Maybe<GroupConnection>;
  /** The tenant's mappings, oldest first. Needs `identity:mappings:read`. */
  readonly groupMappings: Maybe<GroupMappingConnection>;
  /** One group mapping. Needs `identity:mappings:read`. */
  readonly groupMapping: Maybe<GroupMapping>;
  /** Whom `createGroupMapping` would affect; nothing is changed. Needs `identity:mappings:write`. */
  readonly previewGroupMappingCreation: Maybe<GroupMappingPreview>;
  /** Whom `updateGroupMapping` would affect; nothing is changed. Needs `identity:mappings:write`. */
  readonly previewGroupMappingUpdate: Maybe<GroupMappingPreview>;
  /** Whom `deleteGroupMapping` would affect; nothing is changed. Needs `identity:mappings:write`. */
  readonly previewGroupMappingDeletion: Maybe<GroupMappingPreview>;
  /** What a set of changes would do, for the whole tenant; each needs what its own mutation needs, and nothing is changed. Needs `identity:mappings:write` or `identity:grants:write` or `identity:permissions:write`. */
  readonly previewChangeSet: Maybe<ChangeSetPreview>;
  /** The tenant's permissions, by name. Needs `identity:users:read` or `identity:mappings:read` or `identity:mappings:write` or `identity:grants:write` or `identity:permissions:write`. */
  readonly permissions: Maybe<PermissionConnection>;
  /** Mappings that reach nobody, groups that no mapping matches, permissions that nobody can get, and groups that were probably renamed at their provider; each with what to do. Needs `identity:mappings:read`. */
  readonly accessFindings: Maybe<AccessFindings>;
  /** How far the tenant's single sign-on has been set up. Needs `identity:providers:read`. */
  readonly onboarding: Maybe<Onboarding>;
  /** The audit: what was changed and what was refused, the newest first. Needs `identity:audit:read`. */
  readonly auditEvents: Maybe<AuditEventConnection>;
  /** Logins in each of the last 24 hours, the present one included, the oldest first. Needs `identity:providers:read` or `identity:audit:read`. */
  readonly loginActivity: Maybe<ReadonlyArray<LoginActivity>>;
  /** What a user had been given at a moment, the latest first; at most 1,000 grants. Needs `identity:users:read`. */
  readonly accessAt: Maybe<ReadonlyArray<PastGrant>>;
  /** Grants of a permission that were open at any time from `since` to before `until`, the latest first. Needs `identity:users:read`. */
  readonly whoHeld: Maybe<PastGrantConnection>;
  /** Who has a permission in force, and who has only open grants of it that are not; ordered by the id of the user. Needs `identity:users:read`. */
  readonly holders: Maybe<PermissionHolderConnection>;
  /** How many users hold a permission. Needs `identity:users:read`. */
  readonly holderCount: Maybe<HolderCount>;
  /** Why a user has a permission now, or what is missing for it. Needs `identity:users:read`. */
  readonly explainPermission: Maybe<PermissionExplanation>;
  /** The tenant's webhooks, the oldest first; `IDENTITY_MAX_WEBHOOKS` bounds how many there are. Needs `identity:webhooks:read`. */
  readonly webhooks: Maybe<ReadonlyArray<Webhook>>;
};


/** Everything that can be read. */
export type QueryNodeArgs = {
  id: Scalars['ID']['input'];
};


/** Everything that can be read. */
export type QueryNodesArgs = {
  ids: ReadonlyArray<Scalars['ID']['input']>;
};


/** Everything that can be read. */
export type QueryUserArgs = {
  id: Scalars['ID']['input'];
};


/** Everything that can be read. */
export type QueryUsersArgs = {
  filter?: InputMaybe<UserFilter>;
  orderBy?: InputMaybe<UserOrder>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryIdentitiesArgs = {
  filter?: InputMaybe<IdentityFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryProvidersArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryPreviewProviderDeletionArgs = {
  id: Scalars['ID']['input'];
};


/** Everything that can be read. */
export type QueryProviderTestArgs = {
  id: Scalars['ID']['input'];
};


/** Everything that can be read. */
export type QueryLoginFailuresArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
  requestId?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryGroupsArgs = {
  provider?: InputMaybe<Scalars['ID']['input']>;
  mapped?: InputMaybe<Scalars['Boolean']['input']>;
  namePrefix?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryGroupMappingsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryGroupMappingArgs = {
  id: Scalars['ID']['input'];
};


/** Everything that can be read. */
export type QueryPreviewGroupMappingCreationArgs = {
  input: CreateGroupMappingInput;
};


/** Everything that can be read. */
export type QueryPreviewGroupMappingUpdateArgs = {
  input: UpdateGroupMappingInput;
};


/** Everything that can be read. */
export type QueryPreviewGroupMappingDeletionArgs = {
  input: DeleteGroupMappingInput;
};


/** Everything that can be read. */
export type QueryPreviewChangeSetArgs = {
  input: ChangeSetInput;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryPermissionsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryAuditEventsArgs = {
  filter?: InputMaybe<AuditEventFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryAccessAtArgs = {
  user: Scalars['ID']['input'];
  at: Scalars['DateTime']['input'];
};


/** Everything that can be read. */
export type QueryWhoHeldArgs = {
  permission: Scalars['ID']['input'];
  since: Scalars['DateTime']['input'];
  until: Scalars['DateTime']['input'];
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryHoldersArgs = {
  permission: Scalars['ID']['input'];
  inForce?: InputMaybe<Scalars['Boolean']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** Everything that can be read. */
export type QueryHolderCountArgs = {
  permission: Scalars['ID']['input'];
};


/** Everything that can be read. */
export type QueryExplainPermissionArgs = {
  user: Scalars['ID']['input'];
  permission: Scalars['ID']['input'];
};

/** Which provider's metadata to read again. */
export type RefreshProviderMetadataInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
};

/** What `refreshProviderMetadata` answers: its result, or the problem that stopped it. */
export type RefreshProviderMetadataPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which identity to release from quarantine. */
export type ReleaseIdentityInput = {
  /** The id of the identity. It cannot be one's own. */
  readonly id: Scalars['ID']['input'];
};

/** What `releaseIdentity` answers: its result, or the problem that stopped it. */
export type ReleaseIdentityPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which client secret of a provider to remove. The only one that works cannot be removed. */
export type RemoveProviderSecretInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
  /** The id of a `ProviderSecret`. */
  readonly secretId: Scalars['String']['input'];
};

/** What `removeProviderSecret` answers: its result, or the problem that stopped it. */
export type RemoveProviderSecretPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** The proof that the user removes the second factor themself. */
export type RemoveTotpInput = {
  /** The current password. */
  readonly current: Scalars['String']['input'];
  /** A one-time code of the authenticator. Needed once the second factor is confirmed. */
  readonly code?: InputMaybe<Scalars['String']['input']>;
};

/** What `removeTotp` answers: its result, or the problem that stopped it. */
export type RemoveTotpPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Whose password and second factor to remove. */
export type RemoveUserPasswordInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `removeUserPassword` answers: its result, or the problem that stopped it. */
export type RemoveUserPasswordPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which webhook to replay, and from which position. */
export type ReplayWebhookInput = {
  /** The id of the webhook. */
  readonly id: Scalars['ID']['input'];
  /** The position after which everything is sent again, a whole number from a delivery's `position`. */
  readonly after: Scalars['String']['input'];
};

/** What `replayWebhook` answers: its result, or the problem that stopped it. */
export type ReplayWebhookPayload = WebhookSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Whose second factor to remove. */
export type ResetUserTotpInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `resetUserTotp` answers: its result, or the problem that stopped it. */
export type ResetUserTotpPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which permission to take back, and from whom. */
export type RevokePermissionInput = {
  /** The id of the user who loses the permission. */
  readonly user: Scalars['ID']['input'];
  /** The id of the permission. */
  readonly permission: Scalars['ID']['input'];
};

/** What `revokePermission` answers: its result, or the problem that stopped it. */
export type RevokePermissionPayload = PermissionRevoked | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which webhook to give another secret. */
export type RotateWebhookSecretInput = {
  /** The id of the webhook. */
  readonly id: Scalars['ID']['input'];
};

/** What `rotateWebhookSecret` answers: its result, or the problem that stopped it. */
export type RotateWebhookSecretPayload = WebhookSecretMade | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A browser or a frontend that is signed in as the user. Only live sessions are shown. */
export type Session = Node & {
  readonly __typename?: 'Session';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** How the session is carried. */
  readonly kind: SessionKind;
  /** The provider at which the user signed in; null for a local password. */
  readonly provider: Maybe<ProviderSummary>;
  /** Whether it is the session of this request. */
  readonly isCurrent: Scalars['Boolean']['output'];
  /** When the session began. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When the session last made a request, to the minute. */
  readonly seenAt: Scalars['DateTime']['output'];
  /** When the user last authenticated; 1970 if the provider could have sent `auth_time` and did not. */
  readonly authenticatedAt: Scalars['DateTime']['output'];
  /** Until when sensitive mutations need no step-up; null if they need one now. */
  readonly elevatedUntil: Maybe<Scalars['DateTime']['output']>;
  /** When the session ends at the latest. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** When the session ends unless it is used before. */
  readonly idleUntil: Scalars['DateTime']['output'];
};

/** The session has ended. */
export type SessionEnded = {
  readonly __typename?: 'SessionEnded';
  /** The id of the session that has ended. */
  readonly endedId: Scalars['ID']['output'];
};

/** How a session is carried. */
export type SessionKind =
  /** In a cookie of the browser. */
  | 'COOKIE'
  /** As a bearer token that a frontend sends. */
  | 'BEARER';

/** One change of a set, as the record has it or would have it. */
export type SetChange = {
  readonly __typename?: 'SetChange';
  /** The change, named as in the audit, such as `mapping.updated`. */
  readonly action: Scalars['String']['output'];
  /** The pattern of the mapping, or the name of the permission. */
  readonly name: Scalars['String']['output'];
  /** Each setting of the mapping or permission before and after. Empty for a permission given or taken by hand. */
  readonly changes: ReadonlyArray<AuditChange>;
  /** True if it changes nothing: the user already has the permission by hand, or does not have it. */
  readonly changesNothing: Scalars['Boolean']['output'];
  /** The user who gets or loses a permission by hand; null for other changes. */
  readonly user: Maybe<UserSummary>;
  /** The mapping that is changed; null for other changes and for a mapping that a preview would make. */
  readonly mapping: Maybe<MappingReference>;
};

/** A new client secret, used first from now on. The one before works until it expires or is removed. */
export type SetProviderSecretInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
  /** The client secret. It is never shown to anybody again. */
  readonly clientSecret: Scalars['String']['input'];
  /** When the provider stops accepting the secret; null if that is not known. */
  readonly expiresAt?: InputMaybe<Scalars['DateTime']['input']>;
};

/** What `setProviderSecret` answers: its result, or the problem that stopped it. */
export type SetProviderSecretPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Several values of the input, or changes of the set, cannot be used; the code is the first one's. */
export type SeveralProblemsError = Problem & {
  readonly __typename?: 'SeveralProblemsError';
  /** A stable code, for programs. */
  readonly code: Scalars['String']['output'];
  /** One sentence for people. */
  readonly message: Scalars['String']['output'];
  /** Every problem found, in the order of the input. */
  readonly problems: ReadonlyArray<InputProblem>;
};

/** What can be followed, as server-sent events. */
export type Subscription = {
  readonly __typename?: 'Subscription';
  /** The user who is signed in: at once, and again whenever something that is selected differs. */
  readonly viewer: Viewer;
  /** The tenant's changes as they happen, a hundred at most at a time; `Last-Event-ID` continues like `after`. Needs `identity:users:read`. */
  readonly changes: Maybe<ReadonlyArray<Change>>;
};


/** What can be followed, as server-sent events. */
export type SubscriptionChangesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
};

/** A number of identities with the same state or reason. */
export type SyncCount = {
  readonly __typename?: 'SyncCount';
  /** The state or the reason, as a code. */
  readonly code: Scalars['String']['output'];
  /** How many identities have it. */
  readonly identities: Scalars['Int']['output'];
};

/** How the sync of a provider stands. */
export type SyncStanding =
  /** Changes at the provider are seen within 600 seconds. */
  | 'OK'
  /** A change at the provider may take more than 600 seconds to be seen. */
  | 'LATE'
  /** The provider does not accept our calls; one identity is tried from time to time. */
  | 'REFUSED'
  /** The operator has paused its syncs. */
  | 'PAUSED'
  /** The provider is not asked between logins. */
  | 'OFF'
  /** The provider is disabled. */
  | 'DISABLED';

/** Which user to sync. */
export type SyncUserInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `syncUser` answers: its result, or the problem that stopped it. */
export type SyncUserPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which provider to test. It may be disabled. */
export type TestProviderInput = {
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
};

/** What `testProvider` answers: its result, or the problem that stopped it. */
export type TestProviderPayload = ProviderTested | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which webhook to send a test message. */
export type TestWebhookInput = {
  /** The id of the webhook. */
  readonly id: Scalars['ID']['input'];
};

/** What `testWebhook` answers: its result, or the problem that stopped it. */
export type TestWebhookPayload = WebhookTested | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** What an authenticator app needs. It has no effect until `confirmTotp`. */
export type TotpPrepared = {
  readonly __typename?: 'TotpPrepared';
  /** The key in Base32, for typing. */
  readonly key: Scalars['String']['output'];
  /** The key as an `otpauth:` URI, for a QR code. */
  readonly uri: Scalars['String']['output'];
};

/** A user whom a change would affect. */
export type TouchedUser = {
  readonly __typename?: 'TouchedUser';
  /** The user. */
  readonly user: UserSummary;
  /** The names of the permissions that the user would gain. */
  readonly gained: ReadonlyArray<Scalars['String']['output']>;
  /** The names of the permissions that the user would lose. */
  readonly lost: ReadonlyArray<Scalars['String']['output']>;
};

/** A page of a list (Relay connection). */
export type TouchedUserConnection = {
  readonly __typename?: 'TouchedUserConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<TouchedUserEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type TouchedUserEdge = {
  readonly __typename?: 'TouchedUserEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: TouchedUser;
};

/** Which change of the record to undo. */
export type UndoInput = {
  /** The id of the event, as in `auditEvents`. It must have changed a mapping or a permission, or given or taken a permission by hand. */
  readonly event: Scalars['ID']['input'];
};

/** Which identity to take from its user. */
export type UnlinkIdentityInput = {
  /** The id of the identity. It cannot be one's own. */
  readonly id: Scalars['ID']['input'];
};

/** What `unlinkIdentity` answers: its result, or the problem that stopped it. */
export type UnlinkIdentityPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Which user to unlock. */
export type UnlockUserInput = {
  /** The id of the user. */
  readonly id: Scalars['ID']['input'];
};

/** What `unlockUser` answers: its result, or the problem that stopped it. */
export type UnlockUserPayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A mapping that would give the permission, and what is missing for it. */
export type UntakenWay = {
  readonly __typename?: 'UntakenWay';
  /** The mapping that would give the permission. */
  readonly mapping: GivingMapping;
  /** What keeps it from giving the permission. */
  readonly missing: MissingForPermission;
  /** A group of the user that the mapping matches; null if there is none. */
  readonly group: Maybe<Scalars['String']['output']>;
};

/** Changes to a group mapping. What is left out stays as it is. */
export type UpdateGroupMappingInput = {
  /** The id of the mapping. */
  readonly id: Scalars['ID']['input'];
  /** The version that was read. An edit of another version is refused with a `ConflictError`. */
  readonly version: Scalars['Int']['input'];
  /** The group's name, or a pattern of names. */
  readonly pattern?: InputMaybe<Scalars['String']['input']>;
  /** How the pattern is compared with group names. */
  readonly match?: InputMaybe<MatchKind>;
  /** The ids of all permissions that the mapping gives from now on. */
  readonly permissions?: InputMaybe<ReadonlyArray<Scalars['ID']['input']>>;
  /** The id of the provider whose groups it matches. Null matches groups of every provider. */
  readonly provider?: InputMaybe<Scalars['ID']['input']>;
  /** Whether the mapping gives its permissions. */
  readonly enabled?: InputMaybe<Scalars['Boolean']['input']>;
  /** The digest of a preview. The change is made only if it still affects exactly whom the preview showed. */
  readonly asPreviewed?: InputMaybe<Scalars['String']['input']>;
};

/** What `updateGroupMapping` answers: its result, or the problem that stopped it. */
export type UpdateGroupMappingPayload = GroupMappingSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Changes to a permission. What is left out stays as it is; the name cannot be changed. */
export type UpdatePermissionInput = {
  /** The id of the permission. */
  readonly id: Scalars['ID']['input'];
  /** What the permission allows, for people. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** Whether a mapping admin may give it without holding it. Only a holder of the permission can make it delegable. */
  readonly delegable?: InputMaybe<Scalars['Boolean']['input']>;
};

/** What `updatePermission` answers: its result, or the problem that stopped it. */
export type UpdatePermissionPayload = PermissionSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Changes to a provider. What is left out stays as it is. */
export type UpdateProviderInput = {
  /** The name on the login page. */
  readonly label?: InputMaybe<Scalars['String']['input']>;
  /** The icon on the login page; null for none. */
  readonly icon?: InputMaybe<Scalars['String']['input']>;
  /** The place on the login page; the lowest number comes first. */
  readonly position?: InputMaybe<Scalars['Int']['input']>;
  /** The issuer URL. It is compared character by character. */
  readonly issuer?: InputMaybe<Scalars['String']['input']>;
  /** Where the provider metadata is; null for the well-known path under the issuer. */
  readonly discoveryUrl?: InputMaybe<Scalars['String']['input']>;
  /** The addresses of an OAuth 2.0 provider by name: `authorization`, `token` and `userinfo`. */
  readonly endpoints?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The `client_id` that the provider has registered for us. */
  readonly clientId?: InputMaybe<Scalars['String']['input']>;
  /** How we authenticate at the token endpoint, such as `client_secret_basic` or `private_key_jwt`. */
  readonly clientAuthentication?: InputMaybe<Scalars['String']['input']>;
  /** Our redirect URL, exactly as it is registered at the provider. */
  readonly redirectUrl?: InputMaybe<Scalars['String']['input']>;
  /** The OAuth scopes that a login asks for. */
  readonly scopes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Parameters that are added to the authorization request. */
  readonly authorizationParameters?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The Entra directories whose people may sign in, where one issuer stands for many directories. */
  readonly allowedDirectories?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the anchor is looked for, in order, such as `id_token / sub`. */
  readonly anchorClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the username is looked for, in order. */
  readonly usernameClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the display label is looked for, in order. */
  readonly displayClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the e-mail address is looked for, in order. */
  readonly emailClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Where the groups are looked for, in order. */
  readonly groupsClaim?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** The vendor's API that lists groups that claims leave out: `entra`, `github`, `google` or `okta`. Null uses claims alone. */
  readonly groupSource?: InputMaybe<Scalars['String']['input']>;
  /** Whether a name that no claim has is read from the callback's field `user` (Apple). Nobody signs that field. */
  readonly nameInCallback?: InputMaybe<Scalars['Boolean']['input']>;
  /** What an absent groups claim means: `EMPTY` for no groups, `UNKNOWN` for not known. */
  readonly absentGroups?: InputMaybe<Scalars['String']['input']>;
  /** How the UserInfo endpoint is called: `GET` or `POST`. */
  readonly userinfoMethod?: InputMaybe<Scalars['String']['input']>;
  /** Who may sign in for the first time. */
  readonly provisioning?: InputMaybe<ProviderProvisioning>;
  /** Whether a first login may take over a user with the same username who was never linked. */
  readonly adoptByName?: InputMaybe<Scalars['Boolean']['input']>;
  /** Whether people whose groups give no permission are refused. */
  readonly denyUnmapped?: InputMaybe<Scalars['Boolean']['input']>;
  /** What `email_verified` must say: `IGNORE` asks nothing, `REQUIRED` asks for true, and `TRUSTED` takes every address as verified. */
  readonly emailVerifiedRule?: InputMaybe<Scalars['String']['input']>;
  /** How the provider is asked again between logins. */
  readonly sync?: InputMaybe<ProviderSync>;
  /** How permissions follow the provider's groups. */
  readonly syncMode?: InputMaybe<ProviderSyncMode>;
  /** The time between two syncs of an identity, in seconds. */
  readonly syncIntervalSeconds?: InputMaybe<Scalars['Int']['input']>;
  /** How long permissions stay in force while the provider cannot be asked, in seconds. */
  readonly outageGraceSeconds?: InputMaybe<Scalars['Int']['input']>;
  /** How long the last login counts if sync is `OFF`, in seconds. */
  readonly unsyncedLeaseSeconds?: InputMaybe<Scalars['Int']['input']>;
  /** How many calls a second each worker may make for syncs. Null for the rate that the provider allows. */
  readonly maxRate?: InputMaybe<Scalars['Int']['input']>;
  /** How many calls for syncs may be under way at the provider at once. */
  readonly maxConcurrent?: InputMaybe<Scalars['Int']['input']>;
  /** Whether the provider can be asked for a new proof of who the person is (step-up). */
  readonly reauthentication?: InputMaybe<Scalars['Boolean']['input']>;
  /** Where people are sent after they have signed out. */
  readonly logoutPageUrl?: InputMaybe<Scalars['String']['input']>;
  /** Whether signing out ends the session at the provider as well. If false, only our own session ends. */
  readonly signOutAtProvider?: InputMaybe<Scalars['Boolean']['input']>;
  /** Parameters for the provider's end-session endpoint. `{return_url}` in a value is our address to come back to. */
  readonly endSessionParameters?: InputMaybe<ReadonlyArray<NameValueInput>>;
  /** The algorithm that our JWTs for client authentication are signed with: `RS256`, `PS256` or `ES256`. */
  readonly signingAlgorithm?: InputMaybe<Scalars['String']['input']>;
  /** The audience of our JWTs for client authentication: `ISSUER` or `TOKEN_ENDPOINT`. */
  readonly assertionAudience?: InputMaybe<Scalars['String']['input']>;
  /** Whether the tokens of new logins are bound to a key (DPoP, RFC 9449). */
  readonly dpop?: InputMaybe<Scalars['Boolean']['input']>;
  /** Whether ID Tokens must be encrypted to us. */
  readonly encryptedIdTokens?: InputMaybe<Scalars['Boolean']['input']>;
  /** Whether UserInfo must be a signed JWT. */
  readonly signedUserinfo?: InputMaybe<Scalars['Boolean']['input']>;
  /** The only certificate authorities trusted for this provider, as PEM; null for the usual ones. */
  readonly caCertificatePem?: InputMaybe<Scalars['String']['input']>;
  /** Apple's id of the developer account, for `apple_client_secret`. */
  readonly appleTeamId?: InputMaybe<Scalars['String']['input']>;
  /** Apple's id of the key, for `apple_client_secret`. */
  readonly appleKeyId?: InputMaybe<Scalars['String']['input']>;
  /** The id of the provider. */
  readonly id: Scalars['ID']['input'];
  /** The version that was read. An edit of another version is refused with a `ConflictError`. */
  readonly version: Scalars['Int']['input'];
  /** The client secret, which replaces all others. It is needed again when issuer, discovery URL or an endpoint changes. */
  readonly clientSecret?: InputMaybe<Scalars['String']['input']>;
  /** When the provider stops accepting the secret; null if that is not known. */
  readonly clientSecretExpiresAt?: InputMaybe<Scalars['DateTime']['input']>;
};

/** What `updateProvider` answers: its result, or the problem that stopped it. */
export type UpdateProviderPayload = ProviderSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Changes to a user's names and e-mail address. What is left out stays as it is. */
export type UpdateUserProfileInput = {
  /** The id of the user. Other users than oneself need `identity:users:write`. */
  readonly id: Scalars['ID']['input'];
  /** The new username. Needs `identity:users:write`, also for oneself. */
  readonly username?: InputMaybe<Scalars['String']['input']>;
  /** The new name shown to people. */
  readonly displayLabel?: InputMaybe<Scalars['String']['input']>;
  /** The new e-mail address. Null removes it. */
  readonly email?: InputMaybe<Scalars['String']['input']>;
};

/** What `updateUserProfile` answers: its result, or the problem that stopped it. */
export type UpdateUserProfilePayload = UserChanged | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** Changes to a webhook. What is left out stays as it is. */
export type UpdateWebhookInput = {
  /** The id of the webhook. */
  readonly id: Scalars['ID']['input'];
  /** Where messages are sent. */
  readonly url?: InputMaybe<Scalars['String']['input']>;
  /** The types of changes to be sent. */
  readonly types?: InputMaybe<ReadonlyArray<ChangeType>>;
  /** What it is for, for people. */
  readonly description?: InputMaybe<Scalars['String']['input']>;
  /** Whether messages are sent to it. One that is enabled again continues where it stopped. */
  readonly enabled?: InputMaybe<Scalars['Boolean']['input']>;
};

/** What `updateWebhook` answers: its result, or the problem that stopped it. */
export type UpdateWebhookPayload = WebhookSaved | InvalidInput | NotAllowed | NotFoundError | ConflictError | SeveralProblemsError;

/** A person in the tenant's records. */
export type User = Node & {
  readonly __typename?: 'User';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** The username, unique within the tenant. */
  readonly username: Scalars['String']['output'];
  /** The name shown to people. */
  readonly displayLabel: Scalars['String']['output'];
  /** Whether the user may sign in. A disabled user has no permissions in force. */
  readonly enabled: Scalars['Boolean']['output'];
  /** When an admin disabled the user; null if the user is enabled. */
  readonly disabledAt: Maybe<Scalars['DateTime']['output']>;
  /** The e-mail address; null if none is known. Only the user and holders of `identity:users:read` may read it. */
  readonly email: Maybe<Scalars['String']['output']>;
  /** Whether the e-mail address is verified; null if the provider does not say. Only the user and holders of `identity:users:read` may read it. */
  readonly emailVerified: Maybe<Scalars['Boolean']['output']>;
  /** When the user was made. Only the user and holders of `identity:users:read` may read it. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** When the user last made a request, to the hour. Only the user and holders of `identity:users:read` may read it. */
  readonly activeAt: Scalars['DateTime']['output'];
  /** Whether the user has a password, which lets them sign in where the tenant allows it. Only the user and holders of `identity:users:read` may read it. */
  readonly hasPassword: Scalars['Boolean']['output'];
  /** The user's identities, the oldest first. Only the user and holders of `identity:users:read` may read it. */
  readonly identities: ReadonlyArray<Identity>;
  /** The user's groups, by name, as the providers last asserted them completely. Only the user and holders of `identity:users:read` may read it. */
  readonly groups: ReadonlyArray<GroupSummary>;
  /** The permissions in force now, by name. Only the user and holders of `identity:users:read` may read it. */
  readonly permissions: ReadonlyArray<EffectivePermission>;
  /** The permissions that were granted and are not in force now, with the cause. Only the user and holders of `identity:users:read` may read it. */
  readonly dormantPermissions: ReadonlyArray<DormantPermission>;
  /** The user's live sessions, the oldest first. Only the user and holders of `identity:users:read` may read it. */
  readonly sessions: ReadonlyArray<Session>;
  /** Whether signing in with the password needs a one-time code. Only the user and holders of `identity:users:read` may read it. */
  readonly hasSecondFactor: Scalars['Boolean']['output'];
  /** Until when the password is locked after too many wrong ones; null if it is not. Only the user and holders of `identity:users:read` may read it. */
  readonly lockedUntil: Maybe<Scalars['DateTime']['output']>;
  /** The newest 20 events about it, the newest first; `auditEvents` has all. Needs `identity:audit:read`. */
  readonly history: Maybe<ReadonlyArray<AuditEvent>>;
};

/** The user as they are now. */
export type UserChanged = {
  readonly __typename?: 'UserChanged';
  /** The user after the change. Null, beside an error, if the query selects more than the actor may read of the user. */
  readonly user: Maybe<User>;
};

/** A page of a list (Relay connection). */
export type UserConnection = {
  readonly __typename?: 'UserConnection';
  /** The entries of the page, in order. */
  readonly edges: ReadonlyArray<UserEdge>;
  /** Where the page stands in the list. */
  readonly pageInfo: PageInfo;
};

/** One entry of a page. */
export type UserEdge = {
  readonly __typename?: 'UserEdge';
  /** The place of this entry in the list, for `after`. It works only for the same list, filter and order. */
  readonly cursor: Scalars['String']['output'];
  /** The entry itself. */
  readonly node: User;
};

/** Which users to list. All criteria have to hold, and text is compared without regard to case. */
export type UserFilter = {
  /** Only the user with this username. */
  readonly username?: InputMaybe<Scalars['String']['input']>;
  /** Only users whose username begins with this text. */
  readonly usernamePrefix?: InputMaybe<Scalars['String']['input']>;
  /** Only users whose display label begins with this text. */
  readonly displayLabelPrefix?: InputMaybe<Scalars['String']['input']>;
  /** Only users with this e-mail address. */
  readonly email?: InputMaybe<Scalars['String']['input']>;
  /** Only users whose e-mail address begins with this text. */
  readonly emailPrefix?: InputMaybe<Scalars['String']['input']>;
  /** True lists only enabled users, false only disabled ones. */
  readonly enabled?: InputMaybe<Scalars['Boolean']['input']>;
  /** Only users who are in the group with this id. */
  readonly group?: InputMaybe<Scalars['ID']['input']>;
  /** Only users with an open grant of the permission with this id, in force or dormant. */
  readonly permission?: InputMaybe<Scalars['ID']['input']>;
  /** True lists only users with an identity, in whatever state. False lists only users who have never had one. */
  readonly linked?: InputMaybe<Scalars['Boolean']['input']>;
};

/** How to order users. */
export type UserOrder = {
  /** What to order by. */
  readonly field?: UserOrderField;
  /** Which end comes first. */
  readonly direction?: OrderDirection;
};

/** What a list of users can be ordered by. */
export type UserOrderField =
  /** By id, which is roughly the order in which users were made. */
  | 'ID'
  /** By username, without regard to case. */
  | 'USERNAME'
  /** By display label, without regard to case. */
  | 'DISPLAY_LABEL'
  /** By e-mail address, without regard to case; users without one are left out. */
  | 'EMAIL';

/** A user's names. `node(id)` has the rest. */
export type UserSummary = {
  readonly __typename?: 'UserSummary';
  /** The id of the user. */
  readonly id: Scalars['ID']['output'];
  /** The username. */
  readonly username: Scalars['String']['output'];
  /** The name shown to people. */
  readonly displayLabel: Scalars['String']['output'];
};

/** The user who is signed in, and what they may do. */
export type Viewer = {
  readonly __typename?: 'Viewer';
  /** The user who is signed in. */
  readonly user: User;
  /** The permissions in force now, with the grants behind each. */
  readonly permissions: ReadonlyArray<EffectivePermission>;
  /** The session of this request; null for an API token. */
  readonly session: Maybe<Session>;
};

/** An address to which messages about changed permissions, profiles and sessions are sent. */
export type Webhook = Node & {
  readonly __typename?: 'Webhook';
  /** An opaque id, which never changes. */
  readonly id: Scalars['ID']['output'];
  /** Where messages are sent. */
  readonly url: Scalars['String']['output'];
  /** What it is for, for people. */
  readonly description: Scalars['String']['output'];
  /** The types of changes that are sent. */
  readonly types: ReadonlyArray<ChangeType>;
  /** Whether it is sent anything. */
  readonly enabled: Scalars['Boolean']['output'];
  /** Why it is not enabled; null if it is. */
  readonly disabledReason: Maybe<WebhookDisabledReason>;
  /** The position of the newest change that was delivered, skipped or set aside for a retry, a whole number. */
  readonly position: Scalars['String']['output'];
  /** How many changes of the tenant come after `position`. */
  readonly waiting: Scalars['Int']['output'];
  /** How many messages up to `position` wait for a retry, or behind one of the same users that does. */
  readonly retrying: Scalars['Int']['output'];
  /** How many attempts in a row the receiver was not there for: no answer, or 429, 502, 503 or 504. */
  readonly failures: Scalars['Int']['output'];
  /** When the first of those failures was; null if there is none. */
  readonly failingSince: Maybe<Scalars['DateTime']['output']>;
  /** When the next attempt is due at the earliest; null if nothing has failed. */
  readonly nextAttemptAt: Maybe<Scalars['DateTime']['output']>;
  /** When it was made. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** The newest 50 attempts, the newest first. They are kept for a week. */
  readonly deliveries: ReadonlyArray<WebhookDelivery>;
};

/** A webhook that was deleted. */
export type WebhookDeleted = {
  readonly __typename?: 'WebhookDeleted';
  /** The id that it had. */
  readonly id: Scalars['ID']['output'];
};

/** An attempt to deliver a message to a webhook. */
export type WebhookDelivery = {
  readonly __typename?: 'WebhookDelivery';
  /** The header `webhook-id`; the same for each attempt at a message. */
  readonly messageId: Scalars['String']['output'];
  /** The type of the message, such as `user.updated` or `webhook.test`. */
  readonly type: Scalars['String']['output'];
  /** The position of the change among the tenant's, a whole number; null for a test. */
  readonly position: Maybe<Scalars['String']['output']>;
  /** The number of the attempt, from 1. */
  readonly attempt: Scalars['Int']['output'];
  /** Whether the receiver answered with 2xx. */
  readonly delivered: Scalars['Boolean']['output'];
  /** The HTTP status of the answer; null if there was none. */
  readonly status: Maybe<Scalars['Int']['output']>;
  /** Why it was not delivered, as a code; null if it was. */
  readonly error: Maybe<Scalars['String']['output']>;
  /** How long the attempt took, in milliseconds. */
  readonly milliseconds: Scalars['Int']['output'];
  /** When it was made. */
  readonly at: Scalars['DateTime']['output'];
};

/** Why a webhook is disabled. */
export type WebhookDisabledReason =
  /** An admin has disabled it. */
  | 'ADMIN'
  /** No message could be delivered for three days. */
  | 'FAILING'
  /** The receiver answered 410. */
  | 'GONE';

/** The webhook as it is now. */
export type WebhookSaved = {
  readonly __typename?: 'WebhookSaved';
  /** The webhook after the change. */
  readonly webhook: Webhook;
};

/** A webhook with a new secret. */
export type WebhookSecretMade = {
  readonly __typename?: 'WebhookSecretMade';
  /** The webhook. */
  readonly webhook: Webhook;
  /** What the receiver verifies signatures with, `whsec_` and base64. It is not shown again. */
  readonly signingKey: Scalars['String']['output'];
};

/** How a test message was received. */
export type WebhookTested = {
  readonly __typename?: 'WebhookTested';
  /** The attempt; it is in the log as well. */
  readonly delivery: WebhookDelivery;
};
