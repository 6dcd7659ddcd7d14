-- The database's catalogue after all migrations, for reading and review. Written by `make schema`.

CREATE FUNCTION public.audit_digest(p_salt uuid, p_payload jsonb, p_old jsonb, p_new jsonb, p_address text, p_reason text) RETURNS bytea
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT sha256((uuid_send(audit_digest.p_salt) || string_agg(
         CASE
             WHEN (v.value IS NULL) THEN '\xffffffff'::bytea
             ELSE (int4send(octet_length(convert_to(v.value, 'UTF8'::name))) || convert_to(v.value, 'UTF8'::name))
         END, '\x'::bytea ORDER BY v.place))) AS sha256
    FROM unnest(ARRAY[(audit_digest.p_payload)::text, (audit_digest.p_old)::text, (audit_digest.p_new)::text, audit_digest.p_address, audit_digest.p_reason]) WITH ORDINALITY v(value, place);
END;
CREATE FUNCTION public.name_parts(p_tenant uuid, VARIADIC p_names text[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT COALESCE(array_agg(DISTINCT hashtextextended(substr(name.name, place.place, 3), hashtextextended((name_parts.p_tenant)::text, (0)::bigint))), '{}'::bigint[]) AS "coalesce" FROM unnest(name_parts.p_names) name(name), LATERAL generate_series(1, (length(name.name) - 2)) place(place));
CREATE TABLE public.api_token (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone,
    ended_at timestamp with time zone,
    ended_reason text,
    permissions text[] DEFAULT '{}'::text[] NOT NULL,
    may_change boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY public.api_token ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.app_user (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    username text NOT NULL,
    username_folded text NOT NULL COLLATE pg_catalog."C",
    display_label text NOT NULL,
    display_label_folded text NOT NULL COLLATE pg_catalog."C",
    email text,
    email_folded text COLLATE pg_catalog."C",
    email_verified boolean,
    disabled_at timestamp with time zone,
    password_hash text,
    epoch integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    active_at timestamp with time zone NOT NULL,
    is_linked boolean DEFAULT false NOT NULL,
    admitted_until timestamp with time zone,
    erased_at timestamp with time zone,
    CONSTRAINT app_user_username_length CHECK (((length(username) >= 1) AND (length(username) <= 320)))
);
ALTER TABLE ONLY public.app_user ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.app_user ALTER COLUMN username SET (n_distinct=-1);
ALTER TABLE ONLY public.app_user ALTER COLUMN username_folded SET (n_distinct=-1);
ALTER TABLE ONLY public.app_user ALTER COLUMN email_folded SET (n_distinct=-1);
CREATE TABLE public.audit_event (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid,
    user_id uuid,
    payload jsonb NOT NULL,
    names jsonb NOT NULL,
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
    CONSTRAINT audit_event_erased_whole CHECK ((((salt IS NULL) = (digest IS NOT NULL)) AND ((salt IS NULL) = (erased_by IS NOT NULL))))
);
ALTER TABLE ONLY public.audit_event ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.audit_event ALTER COLUMN actor SET (n_distinct=-0.1);
CREATE TABLE public.audit_head (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    mac bytea NOT NULL,
    key_id text NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    archived_sequence bigint,
    archived_mac bytea,
    archived_key_id text,
    archived_seal bytea,
    erasures bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.break_glass (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    permissions text[] NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    minutes integer NOT NULL,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT break_glass_minutes_bounded CHECK (((minutes >= 1) AND (minutes <= 240)))
);
CREATE TABLE public.client_key (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    use text NOT NULL,
    key_id text NOT NULL,
    public_jwk jsonb,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT client_key_published_whole CHECK (((public_jwk IS NULL) = (use = 'tls'::text))),
    CONSTRAINT client_key_use_known CHECK ((use = ANY (ARRAY['sig'::text, 'enc'::text, 'tls'::text])))
);
CREATE TABLE public.erased_anchor (
    tenant_id uuid NOT NULL,
    anchor_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.first_run (
    id text NOT NULL,
    token_hash bytea NOT NULL,
    tenant_slug text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT first_run_is_one CHECK ((id = 'first'::text))
);
CREATE TABLE public.frontend (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    slug text NOT NULL,
    origins text[] NOT NULL,
    return_urls text[] NOT NULL,
    deliveries text[] NOT NULL,
    managed_by text NOT NULL,
    CONSTRAINT frontend_managed_by_known CHECK ((managed_by = ANY (ARRAY['FILE'::text, 'API'::text])))
);
CREATE TABLE public.group_mapping (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider_id uuid,
    pattern text NOT NULL,
    match text NOT NULL,
    enabled boolean NOT NULL,
    version integer NOT NULL,
    managed_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT group_mapping_managed_by_known CHECK ((managed_by = ANY (ARRAY['FILE'::text, 'API'::text]))),
    CONSTRAINT group_mapping_match_known CHECK ((match = ANY (ARRAY['EXACT'::text, 'GLOB'::text])))
);
ALTER TABLE ONLY public.group_mapping ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.identity (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    issuer text NOT NULL,
    subject text,
    anchor text NOT NULL,
    claims jsonb NOT NULL,
    state text NOT NULL,
    state_reason text,
    state_since timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    signed_in_at timestamp with time zone NOT NULL,
    unlinked_at timestamp with time zone,
    CONSTRAINT identity_anchor_length CHECK (((length(anchor) >= 1) AND (length(anchor) <= 512))),
    CONSTRAINT identity_state_known CHECK ((state = ANY (ARRAY['FRESH'::text, 'STALE'::text, 'REVOKED'::text, 'QUARANTINED'::text, 'UNSYNCED'::text]))),
    CONSTRAINT identity_unlinked_is_over CHECK (((unlinked_at IS NULL) OR (state = 'REVOKED'::text)))
);
ALTER TABLE ONLY public.identity ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.identity ALTER COLUMN provider_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.identity ALTER COLUMN subject SET (n_distinct=-1);
ALTER TABLE ONLY public.identity ALTER COLUMN anchor SET (n_distinct=-1);
CREATE TABLE public.identity_group (
    tenant_id uuid NOT NULL,
    identity_id uuid NOT NULL,
    group_id uuid NOT NULL
);
ALTER TABLE ONLY public.identity_group ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.identity_group ALTER COLUMN group_id SET (n_distinct=-0.001);
CREATE TABLE public.identity_sync (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    due_at timestamp with time zone,
    lease_until timestamp with time zone,
    lease_owner uuid,
    generation bigint NOT NULL,
    attempt_token_id uuid,
    attempt_hash bytea,
    attempt_at timestamp with time zone,
    uncertain boolean NOT NULL,
    failures integer NOT NULL,
    signed_in_until timestamp with time zone,
    groups_valid_until timestamp with time zone,
    verified_at timestamp with time zone,
    outcome text,
    groups_completeness text NOT NULL,
    CONSTRAINT identity_sync_completeness_known CHECK ((groups_completeness = ANY (ARRAY['COMPLETE'::text, 'EMPTY'::text, 'TRUNCATED'::text, 'UNREADABLE'::text, 'UNKNOWN'::text])))
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY public.identity_sync ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.identity_sync ALTER COLUMN provider_id SET (n_distinct=-0.001);
CREATE TABLE public.invitation (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider_id uuid,
    maker_id uuid,
    made_by text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_reason text,
    CONSTRAINT invitation_end_has_a_reason CHECK (((ended_at IS NULL) = (ended_reason IS NULL))),
    CONSTRAINT invitation_reason_known CHECK ((ended_reason = ANY (ARRAY['USED'::text, 'REVOKED'::text, 'CLOSED'::text])))
);
CREATE TABLE public.local_account (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    failures integer NOT NULL,
    locked_until timestamp with time zone,
    totp_sealed bytea,
    totp_confirmed_at timestamp with time zone,
    totp_step bigint,
    CONSTRAINT local_account_failures_counted CHECK ((failures >= 0))
);
CREATE TABLE public.local_policy (
    tenant_id uuid NOT NULL,
    local_sign_in boolean NOT NULL,
    sso_managed boolean NOT NULL
);
CREATE TABLE public.login_attempt (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider_id uuid,
    frontend_id uuid,
    delivery text NOT NULL,
    return_to text NOT NULL,
    session_origin text NOT NULL,
    path_prefix text NOT NULL,
    client_state text,
    client_challenge text,
    login_hint text,
    reauthentication boolean NOT NULL,
    redirect_url text NOT NULL,
    issuer text NOT NULL,
    state_hash bytea,
    nonce_hash bytea,
    code_verifier_sealed bytea,
    session_binding_hash bytea,
    callback_binding_hash bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    launched_at timestamp with time zone,
    consumed_at timestamp with time zone,
    outcome text,
    test_id uuid,
    invitation_id uuid,
    CONSTRAINT login_attempt_delivery_known CHECK ((delivery = ANY (ARRAY['cookie'::text, 'code'::text, 'fragment'::text]))),
    CONSTRAINT login_attempt_local_is_over CHECK (((provider_id IS NOT NULL) OR ((consumed_at IS NOT NULL) AND (state_hash IS NULL) AND (test_id IS NULL))))
);
ALTER TABLE ONLY public.login_attempt ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.login_attempt ALTER COLUMN provider_id SET (n_distinct=-0.001);
CREATE TABLE public.login_handle (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    stage text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT login_handle_stage_known CHECK ((stage = ANY (ARRAY['SESSION_HOST'::text, 'CALLBACK_HOST'::text])))
);
ALTER TABLE ONLY public.login_handle ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.logout_handle (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.logout_token_seen (
    tenant_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    ended_hash bytea NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.logout_token_seen ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.logout_token_seen ALTER COLUMN provider_id SET (n_distinct=-0.001);
CREATE TABLE public.mapping_change (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    mapping_id uuid NOT NULL,
    actor text NOT NULL,
    total integer NOT NULL,
    done integer NOT NULL,
    after_identity_id uuid,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.mapping_group (
    tenant_id uuid NOT NULL,
    mapping_id uuid NOT NULL,
    group_id uuid NOT NULL
);
ALTER TABLE ONLY public.mapping_group ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.mapping_permission (
    tenant_id uuid NOT NULL,
    mapping_id uuid NOT NULL,
    permission_id uuid NOT NULL
);
ALTER TABLE ONLY public.mapping_permission ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.mapping_permission ALTER COLUMN permission_id SET (n_distinct=-0.001);
CREATE TABLE public.one_time_code (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    user_id uuid NOT NULL,
    identity_id uuid,
    kind text NOT NULL,
    code_hash bytea NOT NULL,
    provider_session text,
    id_token_sealed bytea,
    authenticated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    session_id uuid,
    CONSTRAINT one_time_code_kind_known CHECK ((kind = ANY (ARRAY['COMPLETE'::text, 'TOKEN'::text]))),
    CONSTRAINT one_time_code_local_is_for_a_frontend CHECK (((identity_id IS NOT NULL) OR (kind = 'TOKEN'::text)))
);
ALTER TABLE ONLY public.one_time_code ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.outbox (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    "position" bigint,
    type text NOT NULL,
    user_ids uuid[],
    session_ids uuid[],
    at timestamp with time zone NOT NULL,
    CONSTRAINT outbox_type_known CHECK ((type = ANY (ARRAY['user.created'::text, 'user.updated'::text, 'user.permissions_changed'::text, 'session.ended'::text])))
);
ALTER TABLE ONLY public.outbox ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.outbox_head (
    tenant_id uuid NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE public.password_token (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);
ALTER TABLE ONLY public.password_token ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.password_try (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    source_hash bytea NOT NULL,
    is_known boolean NOT NULL,
    failures integer NOT NULL,
    locked_until timestamp with time zone,
    tried_at timestamp with time zone NOT NULL
);
CREATE TABLE public.permission (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    delegable boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT permission_name_shape CHECK (((name ~ '^[a-z][a-z0-9_.-]*(:[a-z0-9_.-]+)+$'::text) AND (length(name) <= 128)))
);
CREATE TABLE public.permission_grant (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    permission_id uuid NOT NULL,
    source text NOT NULL,
    identity_id uuid,
    mapping_id uuid,
    group_id uuid,
    granted_at timestamp with time zone NOT NULL,
    granted_by text NOT NULL,
    revoked_at timestamp with time zone,
    revoked_by text,
    revoked_reason text,
    CONSTRAINT permission_grant_closed_whole CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL))),
    CONSTRAINT permission_grant_source_shape CHECK ((((source = 'MANUAL'::text) AND (identity_id IS NULL) AND (mapping_id IS NULL) AND (group_id IS NULL)) OR ((source = 'GROUP'::text) AND (identity_id IS NOT NULL) AND (mapping_id IS NOT NULL) AND (group_id IS NOT NULL))))
);
ALTER TABLE ONLY public.permission_grant ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.permission_grant ALTER COLUMN permission_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.permission_grant ALTER COLUMN mapping_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.permission_grant ALTER COLUMN group_id SET (n_distinct=-0.001);
CREATE TABLE public.proposal (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    changes jsonb NOT NULL,
    needs text[] NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decision text,
    decided_by uuid,
    decided_at timestamp with time zone,
    CONSTRAINT proposal_decided_whole CHECK ((((decision IS NULL) = (decided_at IS NULL)) AND ((decision IS NULL) = (decided_by IS NULL)))),
    CONSTRAINT proposal_decision_known CHECK ((decision = ANY (ARRAY['APPROVED'::text, 'REJECTED'::text, 'WITHDRAWN'::text])))
);
CREATE TABLE public.provider (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    slug text NOT NULL,
    protocol text NOT NULL,
    preset text,
    label text NOT NULL,
    icon text,
    "position" integer NOT NULL,
    enabled boolean NOT NULL,
    issuer text NOT NULL,
    discovery_url text,
    client_id text NOT NULL,
    client_authentication text NOT NULL,
    redirect_url text NOT NULL,
    scopes text[] NOT NULL,
    authorization_parameters jsonb NOT NULL,
    endpoints jsonb NOT NULL,
    claims jsonb NOT NULL,
    client_settings jsonb,
    provisioning text NOT NULL,
    adopt_by_name boolean NOT NULL,
    email_verified_rule text NOT NULL,
    absent_groups text NOT NULL,
    sync_mode text NOT NULL,
    sync text NOT NULL,
    sync_interval_seconds integer NOT NULL,
    outage_grace_seconds integer NOT NULL,
    unsynced_lease_seconds integer NOT NULL,
    max_rate integer,
    max_concurrent integer NOT NULL,
    reauthentication boolean NOT NULL,
    delivery text,
    logout_page_url text,
    managed_by text NOT NULL,
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    ending_after uuid,
    CONSTRAINT provider_absent_groups_known CHECK ((absent_groups = ANY (ARRAY['EMPTY'::text, 'UNKNOWN'::text]))),
    CONSTRAINT provider_managed_by_known CHECK ((managed_by = ANY (ARRAY['FILE'::text, 'API'::text]))),
    CONSTRAINT provider_protocol_known CHECK ((protocol = ANY (ARRAY['oidc'::text, 'oauth2'::text]))),
    CONSTRAINT provider_provisioning_known CHECK ((provisioning = ANY (ARRAY['JIT'::text, 'KNOWN_USERS'::text, 'LINKED_ONLY'::text]))),
    CONSTRAINT provider_slug_shape CHECK ((slug ~ '^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT provider_sync_known CHECK ((sync = ANY (ARRAY['REFRESH_TOKEN'::text, 'ACCESS_TOKEN'::text, 'OFF'::text]))),
    CONSTRAINT provider_sync_mode_known CHECK ((sync_mode = ANY (ARRAY['STRICT'::text, 'ADDITIVE'::text, 'NONE'::text])))
);
CREATE TABLE public.provider_breaker (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    failures integer NOT NULL,
    people uuid[] NOT NULL,
    open_until timestamp with time zone,
    reason text,
    changed_at timestamp with time zone NOT NULL,
    paused_at timestamp with time zone,
    learned_rate double precision
);
CREATE TABLE public.provider_group (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    name text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.provider_group ALTER COLUMN tenant_id SET (n_distinct=-0.001);
ALTER TABLE ONLY public.provider_group ALTER COLUMN provider_id SET (n_distinct=-0.001);
CREATE TABLE public.provider_secret (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone
);
CREATE TABLE public.provider_test (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    user_id uuid,
    setup_link_id uuid,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    report jsonb,
    CONSTRAINT provider_test_has_one_reader CHECK (((user_id IS NULL) <> (setup_link_id IS NULL)))
);
CREATE TABLE public.refresh_token (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    identity_id uuid NOT NULL,
    sealed bytea,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    rotated_at timestamp with time zone,
    dead_at timestamp with time zone,
    dead_reason text,
    uncertain boolean NOT NULL
);
ALTER TABLE ONLY public.refresh_token ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.schema_compatibility (
    migration text NOT NULL,
    works_with text NOT NULL
);
CREATE TABLE public.service_client (
    id uuid NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    tenant_ids uuid[] NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    seen_at timestamp with time zone,
    revoked_at timestamp with time zone,
    owner_id uuid,
    CONSTRAINT service_client_owner_sees_itself CHECK (((owner_id IS NULL) OR (tenant_ids = ARRAY[owner_id])))
);
CREATE TABLE public.session (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    identity_id uuid,
    frontend_id uuid,
    kind text NOT NULL,
    token_hash bytea NOT NULL,
    epoch integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    authenticated_at timestamp with time zone NOT NULL,
    absolute_until timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_reason text,
    provider_session text,
    id_token_sealed bytea,
    device text,
    address text,
    CONSTRAINT session_ended_whole CHECK (((ended_at IS NULL) = (ended_reason IS NULL))),
    CONSTRAINT session_kind_known CHECK ((kind = ANY (ARRAY['COOKIE'::text, 'BEARER'::text])))
);
ALTER TABLE ONLY public.session ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.setup_link (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    maker_id uuid,
    made_by text NOT NULL,
    token_hash bytea NOT NULL,
    provider_id uuid NOT NULL,
    slug text NOT NULL,
    label text NOT NULL,
    permissions text[] NOT NULL,
    step text NOT NULL,
    preset text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_reason text,
    CONSTRAINT setup_link_end_has_a_reason CHECK (((ended_at IS NULL) = (ended_reason IS NULL))),
    CONSTRAINT setup_link_reason_known CHECK ((ended_reason = ANY (ARRAY['USED'::text, 'REVOKED'::text]))),
    CONSTRAINT setup_link_step_known CHECK ((step = ANY (ARRAY['vendor'::text, 'register'::text, 'connect'::text, 'test'::text, 'groups'::text, 'mappings'::text, 'enable'::text])))
);
CREATE TABLE public.tenant (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    default_provider text,
    epoch integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT tenant_slug_shape CHECK ((slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'::text))
);
CREATE TABLE public.tenant_host (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    host text NOT NULL
);
CREATE TABLE public.undelegable_name (
    tenant_id uuid NOT NULL,
    name text NOT NULL
);
CREATE TABLE public.user_read (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    facts text NOT NULL,
    brief text NOT NULL
);
ALTER TABLE ONLY public.user_read ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.webhook (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    types text[] NOT NULL,
    "position" bigint NOT NULL,
    failures integer NOT NULL,
    failing_since timestamp with time zone,
    due_at timestamp with time zone,
    lease_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_disabled_reason_known CHECK ((disabled_reason = ANY (ARRAY['ADMIN'::text, 'FAILING'::text, 'GONE'::text]))),
    CONSTRAINT webhook_disabled_whole CHECK (((disabled_at IS NULL) = (disabled_reason IS NULL)))
);
CREATE TABLE public.webhook_delivery (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    message_id text NOT NULL,
    "position" bigint,
    type text NOT NULL,
    attempt integer NOT NULL,
    status integer,
    error text,
    milliseconds integer NOT NULL,
    at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.webhook_delivery ALTER COLUMN tenant_id SET (n_distinct=-0.001);
CREATE TABLE public.webhook_retry (
    tenant_id uuid NOT NULL,
    change_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    "position" bigint NOT NULL,
    failures integer NOT NULL,
    failing_since timestamp with time zone,
    due_at timestamp with time zone
);
CREATE TABLE public.webhook_secret (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone
);
ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT app_user_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT app_user_username_key UNIQUE (tenant_id, username);
ALTER TABLE ONLY public.audit_event
    ADD CONSTRAINT audit_event_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.audit_event
    ADD CONSTRAINT audit_event_sequence_key UNIQUE (tenant_id, sequence);
ALTER TABLE ONLY public.audit_head
    ADD CONSTRAINT audit_head_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.break_glass
    ADD CONSTRAINT break_glass_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.break_glass
    ADD CONSTRAINT break_glass_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.client_key
    ADD CONSTRAINT client_key_key_id_key UNIQUE (tenant_id, provider_id, key_id);
ALTER TABLE ONLY public.client_key
    ADD CONSTRAINT client_key_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.erased_anchor
    ADD CONSTRAINT erased_anchor_pkey PRIMARY KEY (tenant_id, anchor_hash);
ALTER TABLE ONLY public.first_run
    ADD CONSTRAINT first_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.frontend
    ADD CONSTRAINT frontend_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.frontend
    ADD CONSTRAINT frontend_slug_key UNIQUE (tenant_id, slug);
ALTER TABLE ONLY public.group_mapping
    ADD CONSTRAINT group_mapping_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_anchor_key UNIQUE (tenant_id, provider_id, anchor);
ALTER TABLE ONLY public.identity_group
    ADD CONSTRAINT identity_group_pkey PRIMARY KEY (tenant_id, identity_id, group_id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_subject_key UNIQUE (tenant_id, provider_id, issuer, subject);
ALTER TABLE ONLY public.identity_sync
    ADD CONSTRAINT identity_sync_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.local_account
    ADD CONSTRAINT local_account_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.local_policy
    ADD CONSTRAINT local_policy_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.login_attempt
    ADD CONSTRAINT login_attempt_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.login_attempt
    ADD CONSTRAINT login_attempt_state_key UNIQUE (tenant_id, state_hash);
ALTER TABLE ONLY public.login_handle
    ADD CONSTRAINT login_handle_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.login_handle
    ADD CONSTRAINT login_handle_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.logout_handle
    ADD CONSTRAINT logout_handle_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.logout_handle
    ADD CONSTRAINT logout_handle_token UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.logout_token_seen
    ADD CONSTRAINT logout_token_seen_pkey PRIMARY KEY (tenant_id, provider_id, token_hash);
ALTER TABLE ONLY public.mapping_change
    ADD CONSTRAINT mapping_change_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.mapping_group
    ADD CONSTRAINT mapping_group_pkey PRIMARY KEY (tenant_id, mapping_id, group_id);
ALTER TABLE ONLY public.mapping_permission
    ADD CONSTRAINT mapping_permission_pkey PRIMARY KEY (tenant_id, mapping_id, permission_id);
ALTER TABLE ONLY public.one_time_code
    ADD CONSTRAINT one_time_code_code_key UNIQUE (tenant_id, code_hash);
ALTER TABLE ONLY public.one_time_code
    ADD CONSTRAINT one_time_code_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.outbox_head
    ADD CONSTRAINT outbox_head_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_position_key UNIQUE (tenant_id, "position");
ALTER TABLE ONLY public.password_token
    ADD CONSTRAINT password_token_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.password_token
    ADD CONSTRAINT password_token_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.password_try
    ADD CONSTRAINT password_try_pkey PRIMARY KEY (tenant_id, user_id, source_hash);
ALTER TABLE ONLY public.permission_grant
    ADD CONSTRAINT permission_grant_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.permission
    ADD CONSTRAINT permission_name_key UNIQUE (tenant_id, name);
ALTER TABLE ONLY public.permission
    ADD CONSTRAINT permission_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.provider_breaker
    ADD CONSTRAINT provider_breaker_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.provider_group
    ADD CONSTRAINT provider_group_name_key UNIQUE (tenant_id, provider_id, name);
ALTER TABLE ONLY public.provider_group
    ADD CONSTRAINT provider_group_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.provider
    ADD CONSTRAINT provider_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.provider_secret
    ADD CONSTRAINT provider_secret_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.provider
    ADD CONSTRAINT provider_slug_key UNIQUE (tenant_id, slug);
ALTER TABLE ONLY public.provider_test
    ADD CONSTRAINT provider_test_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT refresh_token_hash_key UNIQUE (tenant_id, identity_id, hash);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT refresh_token_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.schema_compatibility
    ADD CONSTRAINT schema_compatibility_pkey PRIMARY KEY (migration);
ALTER TABLE ONLY public.service_client
    ADD CONSTRAINT service_client_name_key UNIQUE (name);
ALTER TABLE ONLY public.service_client
    ADD CONSTRAINT service_client_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.setup_link
    ADD CONSTRAINT setup_link_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.setup_link
    ADD CONSTRAINT setup_link_token_key UNIQUE (tenant_id, token_hash);
ALTER TABLE ONLY public.tenant_host
    ADD CONSTRAINT tenant_host_host_key UNIQUE (host);
ALTER TABLE ONLY public.tenant_host
    ADD CONSTRAINT tenant_host_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.undelegable_name
    ADD CONSTRAINT undelegable_name_pkey PRIMARY KEY (tenant_id, name);
ALTER TABLE ONLY public.user_read
    ADD CONSTRAINT user_read_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE ONLY public.webhook_retry
    ADD CONSTRAINT webhook_retry_pkey PRIMARY KEY (tenant_id, change_id, webhook_id);
ALTER TABLE ONLY public.webhook_secret
    ADD CONSTRAINT webhook_secret_pkey PRIMARY KEY (tenant_id, id);
CREATE INDEX api_token_open ON public.api_token USING btree (tenant_id, id) WHERE (ended_at IS NULL);
CREATE INDEX api_token_user ON public.api_token USING btree (tenant_id, user_id, id);
CREATE INDEX app_user_disabled ON public.app_user USING btree (tenant_id, id) WHERE (disabled_at IS NOT NULL);
CREATE INDEX app_user_email_prefix ON public.app_user USING btree (tenant_id, email_folded, id);
CREATE INDEX app_user_label_prefix ON public.app_user USING btree (tenant_id, display_label_folded, id);
CREATE INDEX app_user_linked ON public.app_user USING btree (tenant_id, is_linked, id);
CREATE INDEX app_user_parts ON public.app_user USING gin (public.name_parts(tenant_id, VARIADIC ARRAY[username_folded, display_label_folded, email_folded])) WITH (fastupdate=off);
CREATE INDEX app_user_username_prefix ON public.app_user USING btree (tenant_id, username_folded, id);
CREATE INDEX audit_event_action ON public.audit_event USING btree (tenant_id, action, id);
CREATE INDEX audit_event_actor ON public.audit_event USING btree (tenant_id, actor, id);
CREATE INDEX audit_event_login_failures ON public.audit_event USING btree (tenant_id, id) WHERE (action = 'login.failed'::text);
CREATE INDEX audit_event_subject ON public.audit_event USING btree (tenant_id, subject_id, id);
CREATE INDEX audit_event_unsealed ON public.audit_event USING btree (tenant_id, id) WHERE (sequence IS NULL);
CREATE INDEX audit_event_user ON public.audit_event USING btree (tenant_id, user_id, id);
CREATE INDEX erased_anchor_expiry ON public.erased_anchor USING btree (expires_at);
CREATE UNIQUE INDEX group_mapping_rule ON public.group_mapping USING btree (tenant_id, COALESCE(provider_id, '00000000-0000-0000-0000-000000000000'::uuid), match, pattern) WHERE (deleted_at IS NULL);
CREATE INDEX identity_group_group ON public.identity_group USING btree (tenant_id, group_id, identity_id);
CREATE INDEX identity_provider ON public.identity USING btree (tenant_id, provider_id, id);
CREATE INDEX identity_state ON public.identity USING btree (tenant_id, state, id) WHERE (unlinked_at IS NULL);
CREATE INDEX identity_sync_due ON public.identity_sync USING btree ((due_at AT TIME ZONE 'UTC'::text)) WHERE (due_at IS NOT NULL);
CREATE INDEX identity_sync_leased ON public.identity_sync USING btree (tenant_id, provider_id) WHERE (lease_owner IS NOT NULL);
CREATE INDEX identity_sync_provider ON public.identity_sync USING btree (tenant_id, provider_id, due_at);
CREATE INDEX identity_sync_uncertain ON public.identity_sync USING btree (tenant_id, provider_id, due_at) WHERE uncertain;
CREATE INDEX identity_sync_unread ON public.identity_sync USING btree (tenant_id, provider_id) WHERE (groups_completeness <> ALL (ARRAY['COMPLETE'::text, 'EMPTY'::text]));
CREATE INDEX identity_sync_user ON public.identity_sync USING btree (tenant_id, user_id);
CREATE INDEX identity_user ON public.identity USING btree (tenant_id, user_id);
CREATE INDEX invitation_expiry ON public.invitation USING btree (expires_at);
CREATE INDEX invitation_maker ON public.invitation USING btree (tenant_id, maker_id);
CREATE INDEX invitation_provider ON public.invitation USING btree (tenant_id, provider_id);
CREATE INDEX invitation_user ON public.invitation USING btree (tenant_id, user_id);
CREATE INDEX login_attempt_expiry ON public.login_attempt USING btree (expires_at);
CREATE INDEX login_attempt_invitation ON public.login_attempt USING btree (tenant_id, invitation_id) WHERE (invitation_id IS NOT NULL);
CREATE INDEX login_attempt_test ON public.login_attempt USING btree (tenant_id, test_id) WHERE (test_id IS NOT NULL);
CREATE INDEX login_handle_attempt ON public.login_handle USING btree (tenant_id, attempt_id);
CREATE INDEX logout_handle_expiry ON public.logout_handle USING btree (expires_at);
CREATE INDEX logout_token_seen_ended ON public.logout_token_seen USING btree (tenant_id, provider_id, ended_hash);
CREATE INDEX logout_token_seen_expiry ON public.logout_token_seen USING btree (expires_at);
CREATE INDEX mapping_change_mapping ON public.mapping_change USING btree (tenant_id, mapping_id);
CREATE INDEX mapping_group_group ON public.mapping_group USING btree (tenant_id, group_id);
CREATE INDEX mapping_permission_permission ON public.mapping_permission USING btree (tenant_id, permission_id);
CREATE INDEX one_time_code_attempt ON public.one_time_code USING btree (tenant_id, attempt_id);
CREATE INDEX one_time_code_identity_unused ON public.one_time_code USING btree (tenant_id, identity_id) WHERE (used_at IS NULL);
CREATE INDEX one_time_code_user_unused ON public.one_time_code USING btree (tenant_id, user_id) WHERE (used_at IS NULL);
CREATE INDEX outbox_old ON public.outbox USING btree (at);
CREATE INDEX outbox_unnumbered ON public.outbox USING btree (tenant_id, at, id) WHERE ("position" IS NULL);
CREATE INDEX password_token_expiry ON public.password_token USING btree (expires_at);
CREATE INDEX password_token_user ON public.password_token USING btree (tenant_id, user_id);
CREATE INDEX password_try_tried ON public.password_try USING btree (tried_at);
CREATE INDEX permission_grant_group_left ON public.permission_grant USING btree (tenant_id, group_id, revoked_at) WHERE (revoked_reason = 'GROUP_LEFT'::text);
CREATE UNIQUE INDEX permission_grant_group_open ON public.permission_grant USING btree (tenant_id, identity_id, mapping_id, permission_id, group_id) WHERE ((source = 'GROUP'::text) AND (revoked_at IS NULL));
CREATE INDEX permission_grant_history ON public.permission_grant USING btree (tenant_id, permission_id, id);
CREATE UNIQUE INDEX permission_grant_manual_open ON public.permission_grant USING btree (tenant_id, user_id, permission_id) WHERE ((source = 'MANUAL'::text) AND (revoked_at IS NULL));
CREATE INDEX permission_grant_mapping_open ON public.permission_grant USING btree (tenant_id, mapping_id, identity_id) WHERE (revoked_at IS NULL);
CREATE INDEX permission_grant_permission ON public.permission_grant USING btree (tenant_id, permission_id, user_id) WHERE (revoked_at IS NULL);
CREATE INDEX permission_grant_user ON public.permission_grant USING btree (tenant_id, user_id, granted_at);
CREATE INDEX proposal_open ON public.proposal USING btree (tenant_id, id) WHERE (decided_at IS NULL);
CREATE INDEX provider_ending ON public.provider USING btree (tenant_id, id) WHERE (ending_after IS NOT NULL);
CREATE INDEX provider_secret_provider ON public.provider_secret USING btree (tenant_id, provider_id);
CREATE INDEX provider_test_created ON public.provider_test USING btree (tenant_id, created_at);
CREATE INDEX provider_test_expiry ON public.provider_test USING btree (expires_at);
CREATE INDEX provider_test_link ON public.provider_test USING btree (tenant_id, setup_link_id) WHERE (setup_link_id IS NOT NULL);
CREATE INDEX refresh_token_live ON public.refresh_token USING btree (tenant_id, identity_id, created_at DESC) WHERE (dead_at IS NULL);
CREATE INDEX refresh_token_over ON public.refresh_token USING btree (dead_at) WHERE (dead_at IS NOT NULL);
CREATE INDEX service_client_tenants ON public.service_client USING gin (tenant_ids);
CREATE INDEX session_identity_live ON public.session USING btree (tenant_id, identity_id) WHERE (ended_at IS NULL);
CREATE INDEX session_over ON public.session USING btree (absolute_until);
CREATE INDEX session_provider_session_live ON public.session USING btree (tenant_id, provider_session) WHERE ((ended_at IS NULL) AND (provider_session IS NOT NULL));
CREATE INDEX session_user_live ON public.session USING btree (tenant_id, user_id, created_at) WHERE (ended_at IS NULL);
CREATE INDEX setup_link_expiry ON public.setup_link USING btree (expires_at);
CREATE INDEX setup_link_maker ON public.setup_link USING btree (tenant_id, maker_id);
CREATE INDEX webhook_delivery_old ON public.webhook_delivery USING btree (at);
CREATE INDEX webhook_delivery_webhook ON public.webhook_delivery USING btree (tenant_id, webhook_id, id);
CREATE INDEX webhook_retry_webhook ON public.webhook_retry USING btree (tenant_id, webhook_id, "position");
CREATE INDEX webhook_secret_webhook ON public.webhook_secret USING btree (tenant_id, webhook_id);
ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT app_user_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.audit_event
    ADD CONSTRAINT audit_event_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.audit_head
    ADD CONSTRAINT audit_head_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.break_glass
    ADD CONSTRAINT break_glass_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.client_key
    ADD CONSTRAINT client_key_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.erased_anchor
    ADD CONSTRAINT erased_anchor_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.frontend
    ADD CONSTRAINT frontend_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.group_mapping
    ADD CONSTRAINT group_mapping_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.group_mapping
    ADD CONSTRAINT group_mapping_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.identity_group
    ADD CONSTRAINT identity_group_tenant_id_group_id_fkey FOREIGN KEY (tenant_id, group_id) REFERENCES public.provider_group(tenant_id, id);
ALTER TABLE ONLY public.identity_group
    ADD CONSTRAINT identity_group_tenant_id_identity_id_fkey FOREIGN KEY (tenant_id, identity_id) REFERENCES public.identity(tenant_id, id);
ALTER TABLE ONLY public.identity_sync
    ADD CONSTRAINT identity_sync_tenant_id_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES public.identity(tenant_id, id);
ALTER TABLE ONLY public.identity_sync
    ADD CONSTRAINT identity_sync_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.identity_sync
    ADD CONSTRAINT identity_sync_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_tenant_id_maker_id_fkey FOREIGN KEY (tenant_id, maker_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.local_account
    ADD CONSTRAINT local_account_tenant_id_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.local_policy
    ADD CONSTRAINT local_policy_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.login_attempt
    ADD CONSTRAINT login_attempt_tenant_id_frontend_id_fkey FOREIGN KEY (tenant_id, frontend_id) REFERENCES public.frontend(tenant_id, id);
ALTER TABLE ONLY public.login_attempt
    ADD CONSTRAINT login_attempt_tenant_id_invitation_id_fkey FOREIGN KEY (tenant_id, invitation_id) REFERENCES public.invitation(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.login_attempt
    ADD CONSTRAINT login_attempt_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.login_attempt
    ADD CONSTRAINT login_attempt_tenant_id_test_id_fkey FOREIGN KEY (tenant_id, test_id) REFERENCES public.provider_test(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.login_handle
    ADD CONSTRAINT login_handle_tenant_id_attempt_id_fkey FOREIGN KEY (tenant_id, attempt_id) REFERENCES public.login_attempt(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.logout_handle
    ADD CONSTRAINT logout_handle_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.logout_token_seen
    ADD CONSTRAINT logout_token_seen_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.mapping_change
    ADD CONSTRAINT mapping_change_tenant_id_mapping_id_fkey FOREIGN KEY (tenant_id, mapping_id) REFERENCES public.group_mapping(tenant_id, id);
ALTER TABLE ONLY public.mapping_group
    ADD CONSTRAINT mapping_group_tenant_id_group_id_fkey FOREIGN KEY (tenant_id, group_id) REFERENCES public.provider_group(tenant_id, id);
ALTER TABLE ONLY public.mapping_group
    ADD CONSTRAINT mapping_group_tenant_id_mapping_id_fkey FOREIGN KEY (tenant_id, mapping_id) REFERENCES public.group_mapping(tenant_id, id);
ALTER TABLE ONLY public.mapping_permission
    ADD CONSTRAINT mapping_permission_tenant_id_mapping_id_fkey FOREIGN KEY (tenant_id, mapping_id) REFERENCES public.group_mapping(tenant_id, id);
ALTER TABLE ONLY public.mapping_permission
    ADD CONSTRAINT mapping_permission_tenant_id_permission_id_fkey FOREIGN KEY (tenant_id, permission_id) REFERENCES public.permission(tenant_id, id);
ALTER TABLE ONLY public.one_time_code
    ADD CONSTRAINT one_time_code_tenant_id_attempt_id_fkey FOREIGN KEY (tenant_id, attempt_id) REFERENCES public.login_attempt(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.one_time_code
    ADD CONSTRAINT one_time_code_tenant_id_identity_id_fkey FOREIGN KEY (tenant_id, identity_id) REFERENCES public.identity(tenant_id, id);
ALTER TABLE ONLY public.one_time_code
    ADD CONSTRAINT one_time_code_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES public.session(tenant_id, id);
ALTER TABLE ONLY public.one_time_code
    ADD CONSTRAINT one_time_code_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.outbox_head
    ADD CONSTRAINT outbox_head_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.password_token
    ADD CONSTRAINT password_token_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.password_try
    ADD CONSTRAINT password_try_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.permission_grant
    ADD CONSTRAINT permission_grant_tenant_id_group_id_fkey FOREIGN KEY (tenant_id, group_id) REFERENCES public.provider_group(tenant_id, id);
ALTER TABLE ONLY public.permission_grant
    ADD CONSTRAINT permission_grant_tenant_id_identity_id_fkey FOREIGN KEY (tenant_id, identity_id) REFERENCES public.identity(tenant_id, id);
ALTER TABLE ONLY public.permission_grant
    ADD CONSTRAINT permission_grant_tenant_id_mapping_id_fkey FOREIGN KEY (tenant_id, mapping_id) REFERENCES public.group_mapping(tenant_id, id);
ALTER TABLE ONLY public.permission_grant
    ADD CONSTRAINT permission_grant_tenant_id_permission_id_fkey FOREIGN KEY (tenant_id, permission_id) REFERENCES public.permission(tenant_id, id);
ALTER TABLE ONLY public.permission_grant
    ADD CONSTRAINT permission_grant_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.permission
    ADD CONSTRAINT permission_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_tenant_id_decided_by_fkey FOREIGN KEY (tenant_id, decided_by) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT proposal_tenant_id_proposed_by_fkey FOREIGN KEY (tenant_id, proposed_by) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.provider_breaker
    ADD CONSTRAINT provider_breaker_tenant_id_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.provider_group
    ADD CONSTRAINT provider_group_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.provider_secret
    ADD CONSTRAINT provider_secret_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.provider
    ADD CONSTRAINT provider_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.provider_test
    ADD CONSTRAINT provider_test_tenant_id_provider_id_fkey FOREIGN KEY (tenant_id, provider_id) REFERENCES public.provider(tenant_id, id);
ALTER TABLE ONLY public.provider_test
    ADD CONSTRAINT provider_test_tenant_id_setup_link_id_fkey FOREIGN KEY (tenant_id, setup_link_id) REFERENCES public.setup_link(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.provider_test
    ADD CONSTRAINT provider_test_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.refresh_token
    ADD CONSTRAINT refresh_token_tenant_id_identity_id_fkey FOREIGN KEY (tenant_id, identity_id) REFERENCES public.identity(tenant_id, id);
ALTER TABLE ONLY public.service_client
    ADD CONSTRAINT service_client_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_tenant_id_frontend_id_fkey FOREIGN KEY (tenant_id, frontend_id) REFERENCES public.frontend(tenant_id, id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_tenant_id_identity_id_fkey FOREIGN KEY (tenant_id, identity_id) REFERENCES public.identity(tenant_id, id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.setup_link
    ADD CONSTRAINT setup_link_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.setup_link
    ADD CONSTRAINT setup_link_tenant_id_maker_id_fkey FOREIGN KEY (tenant_id, maker_id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.tenant_host
    ADD CONSTRAINT tenant_host_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.undelegable_name
    ADD CONSTRAINT undelegable_name_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
ALTER TABLE ONLY public.user_read
    ADD CONSTRAINT user_read_tenant_id_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES public.app_user(tenant_id, id);
ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_tenant_id_webhook_id_fkey FOREIGN KEY (tenant_id, webhook_id) REFERENCES public.webhook(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.webhook_retry
    ADD CONSTRAINT webhook_retry_tenant_id_change_id_fkey FOREIGN KEY (tenant_id, change_id) REFERENCES public.outbox(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.webhook_retry
    ADD CONSTRAINT webhook_retry_tenant_id_webhook_id_fkey FOREIGN KEY (tenant_id, webhook_id) REFERENCES public.webhook(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.webhook_secret
    ADD CONSTRAINT webhook_secret_tenant_id_webhook_id_fkey FOREIGN KEY (tenant_id, webhook_id) REFERENCES public.webhook(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);
