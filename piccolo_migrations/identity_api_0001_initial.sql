-- The whole schema, by concept. What tables and columns mean is in `identity_api/db/tables/`; here is what PostgreSQL keeps.
--
-- Keys. A row that a tenant owns has a primary key and unique constraints that begin with `tenant_id`, and so has every
-- reference between such rows: the database refuses a row that points into another tenant, and the tables can be split by
-- tenant over several servers. Ids are UUIDv7, so the primary key gives a tenant's rows in the order they were made.
-- Known to all servers, and the exceptions therefore: `tenant`, `tenant_host`, `first_run`, `service_client` and
-- `schema_compatibility`.

-- The schema itself ------------------------------------------------------------------------------------------------------

-- For an older version of the code, which does not have the files of newer migrations: whether it can live with them.
create table schema_compatibility (
    migration text primary key,
    works_with text not null
);

-- Tenants ----------------------------------------------------------------------------------------------------------------

create table tenant (
    id uuid primary key,
    slug text not null,
    name text not null,
    default_provider text,
    epoch integer not null,
    created_at timestamptz not null,
    constraint tenant_slug_key unique (slug),
    constraint tenant_slug_shape check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')
);

-- One row at most: the link that an installation without a tenant offers.
create table first_run (
    id text primary key,
    token_hash bytea not null,
    tenant_slug text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint first_run_is_one check (id = 'first')
);

create table local_policy (
    tenant_id uuid primary key references tenant (id),
    local_sign_in boolean not null,
    sso_managed boolean not null
);

-- Unique over all tenants: the host of a request is what says whose it is.
create table tenant_host (
    id uuid primary key,
    tenant_id uuid not null references tenant (id),
    host text not null,
    constraint tenant_host_host_key unique (host)
);

create table frontend (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    slug text not null,
    origins text[] not null,
    return_urls text[] not null,
    deliveries text[] not null,
    managed_by text not null,
    primary key (tenant_id, id),
    constraint frontend_slug_key unique (tenant_id, slug),
    constraint frontend_managed_by_known check (managed_by in ('FILE', 'API'))
);

-- A program of the operator for several tenants, found by its name alone.
create table service_client (
    id uuid primary key,
    name text not null,
    secret_hash bytea not null,
    tenant_ids uuid[] not null,
    scopes text[] not null,
    created_at timestamptz not null,
    -- When its secret ends; null means when it is revoked.
    expires_at timestamptz,
    seen_at timestamptz,
    revoked_at timestamptz,
    -- The tenant whose admins keep it; null for a client of the operator.
    owner_id uuid references tenant (id),
    constraint service_client_name_key unique (name),
    constraint service_client_owner_sees_itself check (owner_id is null or tenant_ids = array[owner_id])
);
create index service_client_tenants on service_client using gin (tenant_ids);

create table permission (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    name text not null,
    description text not null,
    delegable boolean not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    constraint permission_name_key unique (tenant_id, name),
    constraint permission_name_shape check (name ~ '^[a-z][a-z0-9_.-]*(:[a-z0-9_.-]+)+$' and length(name) <= 128)
);

-- Names of deleted permissions that were not delegable: a tenant's admins cannot make them again as delegable.
create table undelegable_name (
    tenant_id uuid not null references tenant (id),
    name text not null,
    primary key (tenant_id, name)
);

-- Providers --------------------------------------------------------------------------------------------------------------

create table provider (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    slug text not null,
    protocol text not null,
    preset text,
    label text not null,
    icon text,
    position integer not null,
    enabled boolean not null,
    issuer text not null,
    discovery_url text,
    client_id text not null,
    client_authentication text not null,
    redirect_url text not null,
    scopes text[] not null,
    authorization_parameters jsonb not null,
    endpoints jsonb not null,
    claims jsonb not null,
    client_settings jsonb,
    provisioning text not null,
    adopt_by_name boolean not null,
    email_verified_rule text not null,
    absent_groups text not null,
    sync_mode text not null,
    sync text not null,
    sync_interval_seconds integer not null,
    outage_grace_seconds integer not null,
    unsynced_lease_seconds integer not null,
    max_rate integer,
    max_concurrent integer not null,
    reauthentication boolean not null,
    delivery text,
    logout_page_url text,
    managed_by text not null,
    version integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ending_after uuid,
    primary key (tenant_id, id),
    constraint provider_slug_key unique (tenant_id, slug),
    constraint provider_slug_shape check (slug ~ '^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$'),
    constraint provider_protocol_known check (protocol in ('oidc', 'oauth2')),
    constraint provider_provisioning_known check (provisioning in ('JIT', 'KNOWN_USERS', 'LINKED_ONLY')),
    constraint provider_sync_mode_known check (sync_mode in ('STRICT', 'ADDITIVE', 'NONE')),
    constraint provider_sync_known check (sync in ('REFRESH_TOKEN', 'ACCESS_TOKEN', 'OFF')),
    constraint provider_absent_groups_known check (absent_groups in ('EMPTY', 'UNKNOWN')),
    constraint provider_managed_by_known check (managed_by in ('FILE', 'API'))
);
create index provider_ending on provider (tenant_id, id) where ending_after is not null;

create table provider_secret (
    id uuid not null,
    tenant_id uuid not null,
    provider_id uuid not null,
    sealed bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, provider_id) references provider
);
create index provider_secret_provider on provider_secret (tenant_id, provider_id);

create table client_key (
    id uuid not null,
    tenant_id uuid not null,
    provider_id uuid not null,
    use text not null,
    key_id text not null,
    public_jwk jsonb,
    sealed bytea not null,
    created_at timestamptz not null,
    retired_at timestamptz,
    primary key (tenant_id, id),
    constraint client_key_key_id_key unique (tenant_id, provider_id, key_id),
    constraint client_key_use_known check (use in ('sig', 'enc', 'tls')),
    -- A certificate for TLS is not published as a JWK; every other key is.
    constraint client_key_published_whole check ((public_jwk is null) = (use = 'tls')),
    foreign key (tenant_id, provider_id) references provider
);

create table provider_breaker (
    id uuid not null,
    tenant_id uuid not null,
    failures integer not null,
    people uuid[] not null,
    open_until timestamptz,
    reason text,
    changed_at timestamptz not null,
    paused_at timestamptz,
    learned_rate double precision,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references provider
);

-- Users ------------------------------------------------------------------------------------------------------------------

create table app_user (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    username text not null,
    username_folded text collate "C" not null,
    display_label text not null,
    display_label_folded text collate "C" not null,
    email text,
    email_folded text collate "C",
    email_verified boolean,
    disabled_at timestamptz,
    password_hash text,
    epoch integer not null,
    created_at timestamptz not null,
    active_at timestamptz not null,
    is_linked boolean not null default false,
    admitted_until timestamptz,
    erased_at timestamptz,
    primary key (tenant_id, id),
    constraint app_user_username_key unique (tenant_id, username),
    constraint app_user_username_length check (length(username) between 1 and 320)
);
-- For lists in the order of a name, and searches by the beginning of one. By bytes, so that a page begins where the index
-- is looked up: (name, id) > (..., ...).
create index app_user_username_prefix on app_user (tenant_id, username_folded, id);
create index app_user_label_prefix on app_user (tenant_id, display_label_folded, id);
create index app_user_email_prefix on app_user (tenant_id, email_folded, id);
-- For searches by any part of a name: every three characters in a row, hashed together with the tenant, so that nobody goes
-- through another tenant's. It is what the extension pg_trgm does, which not every managed PostgreSQL has. New names go right into
-- the index, since a list of those that wait would be gone through by each search.
create function name_parts(p_tenant uuid, variadic p_names text[]) returns bigint[]
language sql immutable parallel safe
return (
    select coalesce(array_agg(distinct hashtextextended(substr(name, place, 3), hashtextextended(p_tenant::text, 0))), '{}')
    from unnest(p_names) name, generate_series(1, length(name) - 2) place);
create index app_user_parts on app_user using gin (name_parts(tenant_id, username_folded, display_label_folded, email_folded))
    with (fastupdate = off);
-- For listings of those alone, without reading everybody else.
create index app_user_disabled on app_user (tenant_id, id) where disabled_at is not null;
create index app_user_linked on app_user (tenant_id, is_linked, id);

create table local_account (
    id uuid not null,
    tenant_id uuid not null,
    failures integer not null,
    locked_until timestamptz,
    totp_sealed bytea,
    totp_confirmed_at timestamptz,
    totp_step bigint,
    primary key (tenant_id, id),
    constraint local_account_failures_counted check (failures >= 0),
    foreign key (tenant_id, id) references app_user
);

create table password_try (
    tenant_id uuid not null,
    user_id uuid not null,
    source_hash bytea not null,
    is_known boolean not null,
    failures integer not null,
    locked_until timestamptz,
    tried_at timestamptz not null,
    primary key (tenant_id, user_id, source_hash),
    foreign key (tenant_id, user_id) references app_user on delete cascade
);
create index password_try_tried on password_try (tried_at);

create table password_token (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    token_hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_id, id),
    constraint password_token_token_key unique (tenant_id, token_hash),
    foreign key (tenant_id, user_id) references app_user
);
create index password_token_user on password_token (tenant_id, user_id);
create index password_token_expiry on password_token (expires_at);

create table break_glass (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    token_hash bytea not null,
    permissions text[] not null,
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    minutes integer not null,
    used_at timestamptz,
    revoked_at timestamptz,
    primary key (tenant_id, id),
    constraint break_glass_token_key unique (tenant_id, token_hash),
    constraint break_glass_minutes_bounded check (minutes between 1 and 240),
    foreign key (tenant_id, user_id) references app_user
);

-- Identities and their sync ----------------------------------------------------------------------------------------------

create table identity (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    provider_id uuid not null,
    issuer text not null,
    subject text,
    anchor text not null,
    claims jsonb not null,
    state text not null,
    state_reason text,
    state_since timestamptz not null,
    created_at timestamptz not null,
    signed_in_at timestamptz not null,
    unlinked_at timestamptz,
    primary key (tenant_id, id),
    constraint identity_anchor_key unique (tenant_id, provider_id, anchor),
    constraint identity_subject_key unique (tenant_id, provider_id, issuer, subject),
    constraint identity_anchor_length check (length(anchor) between 1 and 512),
    constraint identity_state_known check (state in ('FRESH', 'STALE', 'REVOKED', 'QUARANTINED', 'UNSYNCED')),
    constraint identity_unlinked_is_over check (unlinked_at is null or state = 'REVOKED'),
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, provider_id) references provider
);
create index identity_user on identity (tenant_id, user_id);
create index identity_provider on identity (tenant_id, provider_id, id);
create index identity_state on identity (tenant_id, state, id) where unlinked_at is null;

-- Each row is written two or three times every few minutes: its page has room for the next version, and a vacuum comes before
-- much is dead.
create table identity_sync (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    provider_id uuid not null,
    due_at timestamptz,
    lease_until timestamptz,
    lease_owner uuid,
    generation bigint not null,
    attempt_token_id uuid,
    attempt_hash bytea,
    attempt_at timestamptz,
    uncertain boolean not null,
    failures integer not null,
    signed_in_until timestamptz,
    groups_valid_until timestamptz,
    verified_at timestamptz,
    outcome text,
    groups_completeness text not null,
    primary key (tenant_id, id),
    constraint identity_sync_completeness_known
        check (groups_completeness in ('COMPLETE', 'EMPTY', 'TRUNCATED', 'UNREADABLE', 'UNKNOWN')),
    foreign key (tenant_id, id) references identity,
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, provider_id) references provider
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- What is due next, over all tenants. An expression, because an index on the column alone is a trap for statements that look
-- for what is due at one provider: with it they would read everybody else's.
create index identity_sync_due on identity_sync ((due_at at time zone 'UTC')) where due_at is not null;
-- Those in doubt are claimed first.
create index identity_sync_uncertain on identity_sync (tenant_id, provider_id, due_at) where uncertain;
create index identity_sync_user on identity_sync (tenant_id, user_id);
create index identity_sync_provider on identity_sync (tenant_id, provider_id, due_at);
create index identity_sync_leased on identity_sync (tenant_id, provider_id) where lease_owner is not null;
create index identity_sync_unread on identity_sync (tenant_id, provider_id)
    where groups_completeness not in ('COMPLETE', 'EMPTY');

create table refresh_token (
    id uuid not null,
    tenant_id uuid not null,
    identity_id uuid not null,
    sealed bytea,
    hash bytea not null,
    created_at timestamptz not null,
    rotated_at timestamptz,
    dead_at timestamptz,
    dead_reason text,
    uncertain boolean not null,
    primary key (tenant_id, id),
    constraint refresh_token_hash_key unique (tenant_id, identity_id, hash),
    foreign key (tenant_id, identity_id) references identity
);
create index refresh_token_live on refresh_token (tenant_id, identity_id, created_at desc) where dead_at is null;
create index refresh_token_over on refresh_token (dead_at) where dead_at is not null;

-- Groups, and what they give ---------------------------------------------------------------------------------------------

create table provider_group (
    id uuid not null,
    tenant_id uuid not null,
    provider_id uuid not null,
    name text not null,
    first_seen_at timestamptz not null,
    primary key (tenant_id, id),
    constraint provider_group_name_key unique (tenant_id, provider_id, name),
    foreign key (tenant_id, provider_id) references provider
);

create table identity_group (
    tenant_id uuid not null,
    identity_id uuid not null,
    group_id uuid not null,
    primary key (tenant_id, identity_id, group_id),
    foreign key (tenant_id, identity_id) references identity,
    foreign key (tenant_id, group_id) references provider_group
);
create index identity_group_group on identity_group (tenant_id, group_id, identity_id);

create table group_mapping (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    provider_id uuid,
    pattern text not null,
    match text not null,
    enabled boolean not null,
    version integer not null,
    managed_by text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    primary key (tenant_id, id),
    constraint group_mapping_match_known check (match in ('EXACT', 'GLOB')),
    constraint group_mapping_managed_by_known check (managed_by in ('FILE', 'API')),
    foreign key (tenant_id, provider_id) references provider
);
-- One live mapping for each rule; a null provider stands for every provider, and nulls are never equal.
create unique index group_mapping_rule on group_mapping
    (tenant_id, coalesce(provider_id, '00000000-0000-0000-0000-000000000000'), match, pattern) where deleted_at is null;

create table mapping_permission (
    tenant_id uuid not null,
    mapping_id uuid not null,
    permission_id uuid not null,
    primary key (tenant_id, mapping_id, permission_id),
    foreign key (tenant_id, mapping_id) references group_mapping,
    foreign key (tenant_id, permission_id) references permission
);
create index mapping_permission_permission on mapping_permission (tenant_id, permission_id);

create table mapping_group (
    tenant_id uuid not null,
    mapping_id uuid not null,
    group_id uuid not null,
    primary key (tenant_id, mapping_id, group_id),
    foreign key (tenant_id, mapping_id) references group_mapping,
    foreign key (tenant_id, group_id) references provider_group
);
create index mapping_group_group on mapping_group (tenant_id, group_id);

create table mapping_change (
    id uuid not null,
    tenant_id uuid not null,
    mapping_id uuid not null,
    actor text not null,
    total integer not null,
    done integer not null,
    after_identity_id uuid,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, mapping_id) references group_mapping
);
create index mapping_change_mapping on mapping_change (tenant_id, mapping_id);

create table permission_grant (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    permission_id uuid not null,
    source text not null,
    identity_id uuid,
    mapping_id uuid,
    group_id uuid,
    granted_at timestamptz not null,
    granted_by text not null,
    revoked_at timestamptz,
    revoked_by text,
    revoked_reason text,
    primary key (tenant_id, id),
    constraint permission_grant_source_shape check (
        (source = 'MANUAL' and identity_id is null and mapping_id is null and group_id is null)
        or (source = 'GROUP' and identity_id is not null and mapping_id is not null and group_id is not null)),
    constraint permission_grant_closed_whole check ((revoked_at is null) = (revoked_reason is null)),
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, permission_id) references permission,
    foreign key (tenant_id, identity_id) references identity,
    foreign key (tenant_id, mapping_id) references group_mapping,
    foreign key (tenant_id, group_id) references provider_group
);
-- At most one open grant from each source; closed ones stay, for history.
create unique index permission_grant_manual_open on permission_grant (tenant_id, user_id, permission_id)
    where source = 'MANUAL' and revoked_at is null;
create unique index permission_grant_group_open on permission_grant (tenant_id, identity_id, mapping_id, permission_id, group_id)
    where source = 'GROUP' and revoked_at is null;
create index permission_grant_user on permission_grant (tenant_id, user_id, granted_at);
create index permission_grant_mapping_open on permission_grant (tenant_id, mapping_id, identity_id) where revoked_at is null;
create index permission_grant_permission on permission_grant (tenant_id, permission_id, user_id) where revoked_at is null;
-- Closed ones too: who held a permission then.
create index permission_grant_history on permission_grant (tenant_id, permission_id, id);
-- Who left which group, without reading everybody else's.
create index permission_grant_group_left on permission_grant (tenant_id, group_id, revoked_at)
    where revoked_reason = 'GROUP_LEFT';

create table proposal (
    id uuid not null,
    tenant_id uuid not null,
    changes jsonb not null,
    needs text[] not null,
    reason text not null,
    proposed_by uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    decision text,
    decided_by uuid,
    decided_at timestamptz,
    primary key (tenant_id, id),
    constraint proposal_decision_known check (decision in ('APPROVED', 'REJECTED', 'WITHDRAWN')),
    constraint proposal_decided_whole
        check ((decision is null) = (decided_at is null) and (decision is null) = (decided_by is null)),
    foreign key (tenant_id, proposed_by) references app_user,
    foreign key (tenant_id, decided_by) references app_user
);
create index proposal_open on proposal (tenant_id, id) where decided_at is null;

create table user_read (
    id uuid not null,
    tenant_id uuid not null,
    facts text not null,
    brief text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references app_user
);

-- Sessions ---------------------------------------------------------------------------------------------------------------

create table session (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    identity_id uuid,
    frontend_id uuid,
    kind text not null,
    token_hash bytea not null,
    epoch integer not null,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    authenticated_at timestamptz not null,
    absolute_until timestamptz not null,
    ended_at timestamptz,
    ended_reason text,
    provider_session text,
    id_token_sealed bytea,
    device text,
    address text,
    primary key (tenant_id, id),
    constraint session_token_key unique (tenant_id, token_hash),
    constraint session_kind_known check (kind in ('COOKIE', 'BEARER')),
    constraint session_ended_whole check ((ended_at is null) = (ended_reason is null)),
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, identity_id) references identity,
    foreign key (tenant_id, frontend_id) references frontend
);
create index session_user_live on session (tenant_id, user_id, created_at) where ended_at is null;
create index session_identity_live on session (tenant_id, identity_id) where ended_at is null;
create index session_provider_session_live on session (tenant_id, provider_session)
    where ended_at is null and provider_session is not null;
create index session_over on session (absolute_until);

create table api_token (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    name text not null,
    token_hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    seen_at timestamptz,
    ended_at timestamptz,
    ended_reason text,
    -- The names of the permissions that it is limited to; none limits nothing.
    permissions text[] not null default '{}',
    may_change boolean not null default false,
    primary key (tenant_id, id),
    constraint api_token_token_key unique (tenant_id, token_hash),
    foreign key (tenant_id, user_id) references app_user
);
create index api_token_user on api_token (tenant_id, user_id, id);
create index api_token_open on api_token (tenant_id, id) where ended_at is null;

-- Logins under way -------------------------------------------------------------------------------------------------------

create table setup_link (
    id uuid not null,
    tenant_id uuid not null,
    maker_id uuid,
    made_by text not null,
    token_hash bytea not null,
    provider_id uuid not null,
    slug text not null,
    label text not null,
    permissions text[] not null,
    step text not null,
    preset text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_reason text,
    primary key (tenant_id, id),
    constraint setup_link_token_key unique (tenant_id, token_hash),
    constraint setup_link_step_known check (step in ('vendor', 'register', 'connect', 'test', 'groups', 'mappings', 'enable')),
    constraint setup_link_end_has_a_reason check ((ended_at is null) = (ended_reason is null)),
    constraint setup_link_reason_known check (ended_reason in ('USED', 'REVOKED')),
    foreign key (tenant_id) references tenant (id),
    foreign key (tenant_id, maker_id) references app_user
);
create index setup_link_maker on setup_link (tenant_id, maker_id);
create index setup_link_expiry on setup_link (expires_at);

create table provider_test (
    id uuid not null,
    tenant_id uuid not null,
    provider_id uuid not null,
    user_id uuid,
    setup_link_id uuid,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    report jsonb,
    primary key (tenant_id, id),
    constraint provider_test_has_one_reader check ((user_id is null) <> (setup_link_id is null)),
    foreign key (tenant_id, provider_id) references provider,
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, setup_link_id) references setup_link on delete cascade
);
create index provider_test_link on provider_test (tenant_id, setup_link_id) where setup_link_id is not null;
create index provider_test_created on provider_test (tenant_id, created_at);
create index provider_test_expiry on provider_test (expires_at);

-- A link for a new user, who has no other way in: to sign in at this provider, or without one to choose a password.
create table invitation (
    id uuid not null,
    tenant_id uuid not null,
    user_id uuid not null,
    provider_id uuid,
    maker_id uuid,
    made_by text not null,
    token_hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_reason text,
    primary key (tenant_id, id),
    constraint invitation_token_key unique (tenant_id, token_hash),
    constraint invitation_end_has_a_reason check ((ended_at is null) = (ended_reason is null)),
    constraint invitation_reason_known check (ended_reason in ('USED', 'REVOKED', 'CLOSED')),
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, maker_id) references app_user,
    foreign key (tenant_id, provider_id) references provider on delete cascade
);
create index invitation_user on invitation (tenant_id, user_id);
create index invitation_maker on invitation (tenant_id, maker_id);
create index invitation_provider on invitation (tenant_id, provider_id);
create index invitation_expiry on invitation (expires_at);

create table login_attempt (
    id uuid not null,
    tenant_id uuid not null,
    provider_id uuid,
    frontend_id uuid,
    delivery text not null,
    return_to text not null,
    session_origin text not null,
    path_prefix text not null,
    client_state text,
    client_challenge text,
    login_hint text,
    reauthentication boolean not null,
    redirect_url text not null,
    issuer text not null,
    state_hash bytea,
    nonce_hash bytea,
    code_verifier_sealed bytea,
    session_binding_hash bytea,
    callback_binding_hash bytea,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    launched_at timestamptz,
    consumed_at timestamptz,
    outcome text,
    test_id uuid,
    invitation_id uuid,
    primary key (tenant_id, id),
    constraint login_attempt_state_key unique (tenant_id, state_hash),
    constraint login_attempt_delivery_known check (delivery in ('cookie', 'code', 'fragment')),
    -- A local sign-in has succeeded before there is a row, so no callback can belong to it.
    constraint login_attempt_local_is_over
        check (provider_id is not null or (consumed_at is not null and state_hash is null and test_id is null)),
    foreign key (tenant_id, provider_id) references provider,
    foreign key (tenant_id, frontend_id) references frontend,
    foreign key (tenant_id, test_id) references provider_test on delete cascade,
    foreign key (tenant_id, invitation_id) references invitation on delete cascade
);
create index login_attempt_invitation on login_attempt (tenant_id, invitation_id) where invitation_id is not null;
create index login_attempt_expiry on login_attempt (expires_at);
create index login_attempt_test on login_attempt (tenant_id, test_id) where test_id is not null;

create table login_handle (
    id uuid not null,
    tenant_id uuid not null,
    attempt_id uuid not null,
    token_hash bytea not null,
    stage text not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_id, id),
    constraint login_handle_token_key unique (tenant_id, token_hash),
    constraint login_handle_stage_known check (stage in ('SESSION_HOST', 'CALLBACK_HOST')),
    foreign key (tenant_id, attempt_id) references login_attempt on delete cascade
);
create index login_handle_attempt on login_handle (tenant_id, attempt_id);

create table one_time_code (
    id uuid not null,
    tenant_id uuid not null,
    attempt_id uuid not null,
    user_id uuid not null,
    identity_id uuid,
    kind text not null,
    code_hash bytea not null,
    provider_session text,
    id_token_sealed bytea,
    authenticated_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    session_id uuid,
    primary key (tenant_id, id),
    constraint one_time_code_code_key unique (tenant_id, code_hash),
    constraint one_time_code_kind_known check (kind in ('COMPLETE', 'TOKEN')),
    -- A local sign-in has no other host to come from, so its code is for a frontend.
    constraint one_time_code_local_is_for_a_frontend check (identity_id is not null or kind = 'TOKEN'),
    foreign key (tenant_id, attempt_id) references login_attempt on delete cascade,
    foreign key (tenant_id, user_id) references app_user,
    foreign key (tenant_id, identity_id) references identity,
    foreign key (tenant_id, session_id) references session
);
create index one_time_code_attempt on one_time_code (tenant_id, attempt_id);
create index one_time_code_user_unused on one_time_code (tenant_id, user_id) where used_at is null;
create index one_time_code_identity_unused on one_time_code (tenant_id, identity_id) where used_at is null;

-- Signing out ------------------------------------------------------------------------------------------------------------

create table logout_handle (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    token_hash bytea not null,
    sealed bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, id),
    constraint logout_handle_token unique (tenant_id, token_hash)
);
create index logout_handle_expiry on logout_handle (expires_at);

create table logout_token_seen (
    tenant_id uuid not null,
    provider_id uuid not null,
    token_hash bytea not null,
    ended_hash bytea not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, provider_id, token_hash),
    foreign key (tenant_id, provider_id) references provider
);
create index logout_token_seen_ended on logout_token_seen (tenant_id, provider_id, ended_hash);
create index logout_token_seen_expiry on logout_token_seen (expires_at);

-- Audit ------------------------------------------------------------------------------------------------------------------

create table audit_event (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject_kind text not null,
    subject_id uuid,
    user_id uuid,
    payload jsonb not null,
    names jsonb not null,
    old jsonb,
    new jsonb,
    request_id text,
    address text,
    reason text,
    sequence bigint,
    mac bytea,
    key_id text,
    salt uuid,
    digest bytea,
    erased_by uuid,
    primary key (tenant_id, id),
    constraint audit_event_erased_whole
        check ((salt is null) = (digest is not null) and (salt is null) = (erased_by is not null)),
    constraint audit_event_sequence_key unique (tenant_id, sequence)
);
create index audit_event_unsealed on audit_event (tenant_id, id) where sequence is null;
create index audit_event_subject on audit_event (tenant_id, subject_id, id);
create index audit_event_user on audit_event (tenant_id, user_id, id);
create index audit_event_actor on audit_event (tenant_id, actor, id);
create index audit_event_action on audit_event (tenant_id, action, id);
create index audit_event_login_failures on audit_event (tenant_id, id) where action = 'login.failed';

-- People who were erased are recognised by a digest of their anchor or subject for a while, and not made anew.
create table erased_anchor (
    tenant_id uuid not null references tenant (id),
    anchor_hash bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, anchor_hash)
);
create index erased_anchor_expiry on erased_anchor (expires_at);

create table audit_head (
    tenant_id uuid primary key references tenant (id),
    sequence bigint not null,
    mac bytea not null,
    key_id text not null,
    sealed_at timestamptz not null,
    archived_sequence bigint,
    archived_mac bytea,
    archived_key_id text,
    archived_seal bytea,
    erasures bigint not null default 0
);

-- Outbox -----------------------------------------------------------------------------------------------------------------

create table outbox (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    position bigint,
    type text not null,
    user_ids uuid[],
    session_ids uuid[],
    at timestamptz not null,
    primary key (tenant_id, id),
    constraint outbox_position_key unique (tenant_id, position),
    constraint outbox_type_known
        check (type in ('user.created', 'user.updated', 'user.permissions_changed', 'session.ended'))
);
create index outbox_unnumbered on outbox (tenant_id, at, id) where position is null;
create index outbox_old on outbox (at);

create table outbox_head (
    tenant_id uuid primary key references tenant (id),
    position bigint not null
);

-- Webhooks ---------------------------------------------------------------------------------------------------------------

create table webhook (
    id uuid not null,
    tenant_id uuid not null references tenant (id),
    url text not null,
    description text not null,
    types text[] not null,
    position bigint not null,
    failures integer not null,
    failing_since timestamptz,
    due_at timestamptz,
    lease_until timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    constraint webhook_disabled_whole check ((disabled_at is null) = (disabled_reason is null)),
    constraint webhook_disabled_reason_known check (disabled_reason in ('ADMIN', 'FAILING', 'GONE'))
);

create table webhook_secret (
    id uuid not null,
    tenant_id uuid not null,
    webhook_id uuid not null,
    sealed bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, webhook_id) references webhook on delete cascade
);
create index webhook_secret_webhook on webhook_secret (tenant_id, webhook_id);

create table webhook_delivery (
    id uuid not null,
    tenant_id uuid not null,
    webhook_id uuid not null,
    message_id text not null,
    position bigint,
    type text not null,
    attempt integer not null,
    status integer,
    error text,
    milliseconds integer not null,
    at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, webhook_id) references webhook on delete cascade
);
create index webhook_delivery_webhook on webhook_delivery (tenant_id, webhook_id, id);
create index webhook_delivery_old on webhook_delivery (at);

create table webhook_retry (
    tenant_id uuid not null,
    change_id uuid not null,
    webhook_id uuid not null,
    position bigint not null,
    failures integer not null,
    failing_since timestamptz,
    due_at timestamptz,
    primary key (tenant_id, change_id, webhook_id),
    foreign key (tenant_id, webhook_id) references webhook on delete cascade,
    foreign key (tenant_id, change_id) references outbox on delete cascade
);
create index webhook_retry_webhook on webhook_retry (tenant_id, webhook_id, position);

-- Functions --------------------------------------------------------------------------------------------------------------

-- A digest of what may speak of a person in an event, which the chain covers in its place: each value with its length before
-- it, under the event's salt. `maintenance.audit_chain` computes the same.
create function audit_digest(p_salt uuid, p_payload jsonb, p_old jsonb, p_new jsonb, p_address text, p_reason text)
returns bytea
language sql stable
begin atomic
    select sha256(uuid_send(p_salt) || string_agg(
        case when v.value is null then '\xffffffff'::bytea
            else int4send(octet_length(convert_to(v.value, 'UTF8'))) || convert_to(v.value, 'UTF8') end,
        ''::bytea order by v.place))
    from unnest(array[p_payload::text, p_old::text, p_new::text, p_address, p_reason]) with ordinality as v (value, place);
end;

-- What the planner supposes of tenants -----------------------------------------------------------------------------------

-- A thousand rows each, in every table that grows with a tenant's people. By its own count the average tenant may have one
-- or two rows, and a large one among them. It then takes reading all rows of a tenant for as good as looking one up, or for
-- cheaper than following an index in order: a session of the large tenant read 100,000 rows, and a page of fifty users five
-- million pages. The supposition holds for plans that do not know which tenant is asked for; where the tenant is known, the
-- most common ones are counted as before.
-- The same of the providers, groups, mappings and permissions of a tenant: one of them may be everybody's.
alter table app_user alter column tenant_id set (n_distinct = -0.001);
alter table user_read alter column tenant_id set (n_distinct = -0.001);
alter table identity alter column tenant_id set (n_distinct = -0.001);
alter table identity alter column provider_id set (n_distinct = -0.001);
alter table identity_sync alter column tenant_id set (n_distinct = -0.001);
alter table identity_sync alter column provider_id set (n_distinct = -0.001);
alter table identity_group alter column tenant_id set (n_distinct = -0.001);
alter table identity_group alter column group_id set (n_distinct = -0.001);
alter table permission_grant alter column tenant_id set (n_distinct = -0.001);
alter table permission_grant alter column permission_id set (n_distinct = -0.001);
alter table permission_grant alter column mapping_id set (n_distinct = -0.001);
alter table permission_grant alter column group_id set (n_distinct = -0.001);
alter table refresh_token alter column tenant_id set (n_distinct = -0.001);
alter table session alter column tenant_id set (n_distinct = -0.001);
alter table api_token alter column tenant_id set (n_distinct = -0.001);
alter table provider_group alter column tenant_id set (n_distinct = -0.001);
alter table provider_group alter column provider_id set (n_distinct = -0.001);
alter table mapping_group alter column tenant_id set (n_distinct = -0.001);
alter table mapping_permission alter column tenant_id set (n_distinct = -0.001);
alter table mapping_permission alter column permission_id set (n_distinct = -0.001);
alter table login_attempt alter column tenant_id set (n_distinct = -0.001);
alter table login_attempt alter column provider_id set (n_distinct = -0.001);
alter table login_handle alter column tenant_id set (n_distinct = -0.001);
alter table one_time_code alter column tenant_id set (n_distinct = -0.001);
alter table password_token alter column tenant_id set (n_distinct = -0.001);
alter table audit_event alter column tenant_id set (n_distinct = -0.001);
alter table outbox alter column tenant_id set (n_distinct = -0.001);
alter table webhook_delivery alter column tenant_id set (n_distinct = -0.001);
alter table group_mapping alter column tenant_id set (n_distinct = -0.001);
alter table logout_token_seen alter column tenant_id set (n_distinct = -0.001);
alter table logout_token_seen alter column provider_id set (n_distinct = -0.001);
-- And names are nearly everybody's own, however few there were when somebody counted.
alter table app_user alter column username set (n_distinct = -1);
alter table app_user alter column username_folded set (n_distinct = -1);
alter table app_user alter column email_folded set (n_distinct = -1);
alter table identity alter column anchor set (n_distinct = -1);
alter table identity alter column subject set (n_distinct = -1);
-- All events may be the sync's when somebody counts, and what one person did is few of them.
alter table audit_event alter column actor set (n_distinct = -0.1);
