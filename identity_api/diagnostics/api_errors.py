"""What GraphQL and the HTTP routes answer when they do not do what was asked."""

from typing import Final

from identity_api.diagnostics.explanation import Table, table

_CORRECT = "Correct the value that `field` or the message names."
_CHOOSE = "Choose another password."
_PATTERN = "Write the pattern again: `*` any run, `?` one character, at most 200 characters and 5 stars."
_CLIENT = "Correct the program that asks."

API: Final[Table] = table(
    {
        "INTERNAL": ("An internal error.", "Look in the log for the request id of the answer."),
        "CONFIGURATION": ("Settings or a declaration are wrong; every problem is listed.", "Correct them."),
        "UNAVAILABLE": ("A part that is needed does not answer now.", "Try again; `/health/ready` says which."),
        "DATABASE_UNAVAILABLE": ("The database does not answer.", "Look at the database server."),
        "DATABASE_CANNOT_WRITE": (
            "The database answers and takes no change: its disk is full, or it is read-only after a failover.",
            "Give it space, or lead to the new primary; `/health/ready` says which. What only reads goes on.",
        ),
        "OVERLOADED": (
            "Every connection to the database was in use for a second, a statement took five, or the machine had no time.",
            "Look at the load of the machine and of the database, at `IDENTITY_DATABASE_POOL_SIZE`, and at PostgreSQL's "
            "`max_connections`.",
        ),
        "TIMEOUT": ("The request took longer than allowed.", "Ask for less at once; look at the database's load."),
        "SIGN_IN_BUSY": ("Too many passwords are being checked at once.", "Try again in a moment."),
        "TOO_MANY_REQUESTS": (
            "A rate limit refused.",
            "Wait as long as `Retry-After` says. If everybody is refused, list the proxy in `IDENTITY_TRUSTED_PROXIES`.",
        ),
        # Input
        "BAD_INPUT": ("A value is not acceptable.", _CORRECT),
        "PARAMETERS_INVALID": ("Parameters are doubled or cannot be read.", _CLIENT),
        "PROVIDER_INVALID": ("The provider's settings break a rule; the message says which.", _CORRECT),
        "REDIRECT_URL_SHARED": (
            "Another provider has this redirect URL, and a callback there would not identify its provider.",
            "Leave `redirect_url` out: the provider gets one of its own, to be registered at it.",
        ),
        "SECRET_REQUIRED": ("The client authentication needs a secret.", "Give one with the change."),
        "SECRET_INVALID": ("The client secret or its expiry cannot be used.", _CORRECT),
        "NO_KEYS_NEEDED": ("The provider's settings need no keys of ours.", "Choose `private_key_jwt` first."),
        "REAUTHENTICATION_NOT_OFFERED": (
            "The provider cannot be asked for a new proof.",
            "Switch `reauthentication` on, if it can do it.",
        ),
        "STEP_UP_IMPOSSIBLE": ("No provider and no password can give a fresh proof of this user.", "Sign in again."),
        "CLAIM_PATH_INVALID": ("The place of a claim is not written as it should be.", "Write `id_token / groups`."),
        "JMESPATH_INVALID": ("The JMESPath expression cannot be read.", "Correct the expression."),
        "JMESPATH_FUNCTION": ("The expression uses a function that is not allowed.", "Write it without that function."),
        "JMESPATH_TOO_LONG": ("The expression is too long.", "Shorten it."),
        "PATTERN_INVALID": ("The group pattern cannot be used.", _PATTERN),
        "PATTERN_EMPTY": ("The group pattern is empty.", _PATTERN),
        "PATTERN_TOO_LONG": ("The group pattern is too long.", _PATTERN),
        "PATTERN_TOO_MANY_STARS": ("The group pattern has too many stars.", _PATTERN),
        "PATTERN_OPEN_ESCAPE": ("The group pattern ends in an open escape.", "Write `\\\\` for a backslash."),
        "PATTERN_BAD_CHARACTER": ("The group pattern has a character that groups cannot have.", _PATTERN),
        "PATTERN_TOO_WIDE": ("A pattern may not give a permission under `identity:`.", "Map the exact group."),
        "PROVIDER_NEEDED": (
            "A mapping for every provider may not give a permission under `identity:`.",
            "Name the provider whose group it is for.",
        ),
        "LINK_REPLACED": (
            "This browser has opened another such link since the page of the form was shown, and keeps the last one only.",
            "Open the link again that is meant. Nothing was done.",
        ),
        "PASSWORDS_DIFFER": ("The two passwords entered differ.", "Enter the same twice."),
        "PASSWORD_TOO_SHORT": ("The password is too short.", _CHOOSE),
        "PASSWORD_TOO_LONG": ("The password is too long.", _CHOOSE),
        "PASSWORD_TOO_COMMON": ("The password is one that is tried first.", _CHOOSE),
        "SETUP_LINK_ENDED": (
            "The set-up link is unknown, used, revoked or expired, of another tenant, or its maker may not make providers now.",
            "Ask whoever sent it for another; `identity-api setup-link list` shows those there are.",
        ),
        "FIRST_RUN_ENDED": (
            "The link of the first run is unknown, used or expired, or there is a tenant that was made otherwise.",
            "`identity-api first-run` makes another while there is no tenant; then use the other commands.",
        ),
        "FIRST_RUN_TAKEN": ("Another browser with the same link made the tenant.", "Go on with that tenant."),
        "SETUP_STEP_MISSING": ("The set-up has an earlier step that is not done.", "Open the set-up page again."),
        "SETUP_NOT_TESTED": (
            "No test login has passed with the provider's present settings.",
            "Make a test login on the set-up page, and correct what its report names.",
        ),
        "SETUP_PROVIDER_ENABLED": (
            "A set-up link changes its provider only before that is enabled.",
            "Have an admin change it, or disable it first.",
        ),
        "PERMISSIONS_NOT_NAMED": (
            "Mappings for every provider give permissions that the set-up link does not name.",
            "Name them with the link, or limit those mappings to a provider.",
        ),
        "TOO_MANY_SETUP_LINKS": ("The tenant has 20 set-up links that work.", "Revoke one."),
        "AUDIT_BROKEN": (
            "The audit chain does not hold, so its events were not moved into an archive.",
            "`identity-api audit verify` names the place. Find out who changed the rows; a backup has them as they were.",
        ),
        "BREAK_GLASS_UNKNOWN": (
            "The break-glass code has been used, was revoked, is too old, or is another tenant's.",
            "Let the operator make another one: `identity-api break-glass create`.",
        ),
        "PASSWORD_TOKEN_UNKNOWN": ("The link for a new password is unknown, used or over.", "Ask for a new link."),
        "INVITATION_UNKNOWN": (
            "The invitation is unknown, used, revoked or too old, or another tenant's; its user has another way in; or its maker "
            "may not open that account now.",
            "Ask whoever sent it for another; `identity-api invitation list` shows those there are.",
        ),
        "TOO_MANY_INVITATIONS": (
            "The tenant has 500 invitations that wait.",
            "Revoke some, or wait until they expire.",
        ),
        "CODE_INVALID": (
            "The one-time code is none, was presented before, is over, or was made for another frontend or tenant.",
            "Present each code once and at once, with its own verifier; for another one the person signs in again.",
        ),
        "UNSUPPORTED_GRANT_TYPE": ("The token endpoint knows the grant type `authorization_code` only.", _CLIENT),
        "UNSUPPORTED_TOKEN_TYPE": (
            "An API token was sent to be revoked; only sessions' tokens are revoked there.",
            "`identity-api token revoke` ends it.",
        ),
        "CLIENT_MISMATCH": ("The token was issued to another frontend.", "Send the `client_id` that it was issued to."),
        # Not allowed
        "FORBIDDEN": ("A permission is missing; the message names it.", "Have it granted by somebody who may."),
        "STALE_AUTH": (
            "One's own login has not been confirmed by its provider within ten minutes.",
            "Sync oneself, or sign in again.",
        ),
        "SELF_BENEFIT": ("The change would give its own author a permission.", "Let another administrator make it."),
        "LAST_ADMIN": (
            "The change would leave nobody who administers users, grants, mappings or providers and has a way in.",
            "Give the named permission to another admin who has a way in first, or let the operator do it.",
        ),
        "SELF_DISABLE": ("An account cannot disable itself.", "Let another administrator do it."),
        "STRICT_PROVIDER": (
            "The user has a live identity at a strict provider, whose groups alone give permissions.",
            "Map a group of theirs, or let the provider's `sync_mode` be `ADDITIVE`.",
        ),
        "SELF_UNLINK": ("Nobody unlinks the identity they are signed in with.", "Let another administrator do it."),
        "CLOSES_GRANTS": (
            "Linking would close permissions given by hand, since the provider is strict; the answer names them.",
            "Confirm that, or let the provider's `sync_mode` be `ADDITIVE`.",
        ),
        "SSO_MANAGED": ("Providers alone make users and say what they are called here.", "Change them there."),
        "MANAGED_BY_OPERATOR": (
            "The operator made this service client, perhaps for several tenants.",
            "Ask the operator to change it, or make another one for this tenant.",
        ),
        "MANAGED_BY_FILE": (
            "This row is declared in a file.",
            "Change the file, and run `identity-api apply`; or let the operator hand it over: `identity-api hand-over TENANT`.",
        ),
        "STEP_UP_REQUIRED": (
            "This needs a fresh proof of who one is.",
            "Send the person to `stepUpUrl`, and ask again when they are back.",
        ),
        "STEP_UP_CANCELLED": ("The person went back to the frontend without a fresh proof.", "No action is needed."),
        "LOGIN_CANCELLED": ("The person went back to the frontend without signing in.", "No action is needed."),
        "SESSION_NEEDED": (
            "This is for a person who is signed in, not for a token.",
            "Sign in. Mappings, permissions and grants can be changed by a token made with `--may-change`.",
        ),
        "SESSION_OVER": ("The session has ended.", "Sign in again."),
        "SCOPE_REQUIRED": ("The service client lacks a scope.", "Make one with the scope."),
        "ORIGIN_REFUSED": (
            "A browser's request came from a page that is neither ours nor a frontend of the session's tenant.",
            "List the page's origin in the frontend's `origins`; requests to GraphQL also need `Identity-Request: 1`.",
        ),
        "UNAUTHENTICATED": ("No valid session or token came with the request.", "Sign in first."),
        "REASON_REFUSED": (
            "The header `Identity-Reason` came twice, is too long, or has characters that nobody can see.",
            "Send one line of at most 500 characters, percent-encoded; or leave it out.",
        ),
        "CREDENTIALS_AMBIGUOUS": ("A cookie and a bearer token came with one request.", "Send one of them."),
        "CURSOR_REFUSED": ("A cursor was made up, or belongs to another list or tenant.", "Begin with the first page."),
        # Not there, in the way
        "NOT_FOUND": ("There is no such thing in this tenant.", "Read the list again."),
        "TENANT_NOT_FOUND": ("There is no such tenant.", "`identity-api tenant list` shows those there are."),
        "TENANT_REQUIRED": (
            "The address belongs to no organisation.",
            "Use the tenant's own host, or `/t/{tenant}`; add the host to the tenant's declaration.",
        ),
        "FIRST_RUN_AHEAD": (
            "There is no tenant yet.",
            "Open the link that `serve` has written to its log, or make another with `identity-api first-run`.",
        ),
        "PROVIDER_NOT_FOUND": (
            "There is no such way of signing in, or it is switched off.",
            "`identity-api provider list TENANT` shows those there are.",
        ),
        "PROVIDER_CHOICE_REQUIRED": ("There are several providers and no default.", "Name one."),
        "CONFLICT": ("The thing changed in between, or stands in the way.", "Read it again, and repeat."),
        "USERNAME_TAKEN": ("Another user has this username.", "Choose another."),
        "NAME_TAKEN": ("There is something of that name already.", "Choose another."),
        "PERMISSION_EXISTS": ("There is a permission of that name already.", "Use it, or choose another name."),
        "PERMISSION_IN_USE": ("Mappings or grants give the permission.", "Take it out of them first."),
        "IDENTITY_EXISTS": ("The identity is somebody's already.", "Unlink it there first."),
        "IDENTITY_WAITS": ("The identity waits for its person already.", "No action is needed."),
        "ANCHOR_IS_SUBJECT": (
            "The identity is found by its subject, so that another subject is another identity.",
            "Link the new subject as an anchor, and unlink this identity.",
        ),
        "ANCHORS_LOST": (
            "With the new anchor claim, identities that wait for a first login, or have no subject, would not be found any more.",
            "Give `provider move-anchor` a table with their new anchors, or --accept-lost.",
        ),
        "NOT_QUARANTINED": ("The identity is not quarantined.", "Nothing is to be released."),
        "LIMIT_REACHED": (
            "There are as many of something as one tenant, provider or user may have; the message names the setting.",
            "Remove some, or have the operator raise the setting.",
        ),
        "PROPOSAL_OVER": (
            "The proposal has been decided about, or is too old.",
            "Propose the changes again, if they are still wanted.",
        ),
        "SECOND_PERSON": (
            "One person alone may not do this.",
            "Let another admin with the same permissions approve it.",
        ),
        "PREVIEW_OUTDATED": (
            "The change would now affect other people than in the preview; nothing was changed.",
            "Look at a new preview, and name its digest.",
        ),
        "CANNOT_BE_UNDONE": (
            "The event changed no mapping or permission, and gave or took nothing by hand.",
            "Undo the change of the mapping that gave or took it, or change the group at its provider.",
        ),
        "MAPPING_EXISTS": ("There is such a mapping already.", "Change that one."),
        "PROVIDER_EXISTS": ("The tenant has a provider of that name already.", "Choose another."),
        "PROVIDER_ENABLED": ("A provider that is switched on cannot be removed.", "Switch it off first."),
        "TOO_MANY_STREAMS": (
            "The user has ten streams open at this process, or the tenant or the process as many as they may.",
            "Close streams that nobody reads; the operator raises `IDENTITY_MAX_STREAMS` or adds processes.",
        ),
        "STREAM_NEEDED": ("A subscription was asked for like a query.", "Send `Accept: text/event-stream`."),
        "URL_NOT_ALLOWED": (
            "The URL of a webhook is not https on a public name, and the operator has not listed it.",
            "Use a public address, or have the operator list it in `IDENTITY_OUTBOUND_ALLOW`.",
        ),
        "CHANGES_FORGOTTEN": (
            "The changes after this position are not kept: they are older than a week, or the database was restored.",
            "A stream begins anew without a position, a replay at the one that the message names. Read everything again.",
        ),
        "PROVIDER_ENDING": (
            "The provider had many people when it was switched off, and their logins are still being ended.",
            "Try again in a minute. If it stays so, see that a worker is running.",
        ),
        "PROVIDER_IN_USE": ("People's identities are at the provider.", "Unlink them, or keep it switched off."),
        "TOO_MANY_SECRETS": ("Two client secrets are stored already.", "Remove one first."),
        "LAST_SECRET": ("This is the only client secret that works.", "Set another one first."),
        "TOO_MANY_KEYS": ("Our keys at the provider were changed too often.", "Wait until the older ones retire."),
        "TOTP_ENROLLED": ("The account has a second factor already.", "Remove it first."),
        "TOTP_NOT_PREPARED": ("No second factor is waiting to be confirmed.", "Begin again."),
        # Where a login may lead
        "RETURN_TO_REFUSED": (
            "A login may not lead there.",
            "Register the exact URL in the frontend's `return_urls`, query included.",
        ),
        "FRONTEND_UNKNOWN": ("The tenant has no such frontend.", "Declare it, or correct its name."),
        "DELIVERY_NOT_ALLOWED": ("The frontend may not use this delivery.", "Add it to the frontend's `deliveries`."),
        "CLIENT_CHALLENGE_REQUIRED": (
            "The delivery `code` needs an S256 challenge.",
            "Add `code_challenge`, `BASE64URL(SHA-256(code_verifier))`, to what the frontend asks with.",
        ),
        "CLIENT_STATE_REQUIRED": (
            "The delivery `fragment` needs a state of the frontend's own.",
            "Add a new `state` for each login to the frontend's request, and compare it when the person is back.",
        ),
        "CLIENT_STATE_INVALID": ("The frontend's state cannot be used.", _CLIENT),
        "LOGIN_HINT_INVALID": ("The login hint is empty, too long or not printable.", _CLIENT),
        "LOGOUT_REFUSED": (
            "A logout request of a provider is not accepted.",
            "Compare its signature, issuer and audience; the provider's log shows what it sent.",
        ),
        # HTTP and GraphQL documents
        "BAD_REQUEST": ("The request is not understood.", _CLIENT),
        "METHOD_NOT_ALLOWED": ("This address does not support this method.", _CLIENT),
        "NOT_ACCEPTABLE": ("The program accepts no form in which there is an answer.", _CLIENT),
        "UNSUPPORTED_MEDIA_TYPE": ("The body's content type is not supported here.", _CLIENT),
        "CONTENT_CODING_UNSUPPORTED": ("The body is compressed, which is not read here.", _CLIENT),
        "BODY_TOO_LARGE": ("The body is too large.", "Send less."),
        "BODY_INCOMPLETE": ("The body ended too early.", "Look at the client and at proxies between."),
        "BODY_TOO_SLOW": ("The body came too slowly.", "Look at the network."),
        "LENGTH_AMBIGUOUS": ("The request says two things of its length.", "Look at proxies between."),
        "HEADERS_TOO_LARGE": ("The request's head is too large.", "Send fewer cookies and headers."),
        "URL_TOO_LONG": (
            "The address is too long.",
            "Shorten it. If it is a provider's answer, set the authorization parameter `response_mode` to `form_post`.",
        ),
        "INVALID_HOST": ("The request's `Host` is no host name.", "Look at the proxy's configuration."),
        "SYNTAX_ERROR": ("The document is not GraphQL.", "Correct the document."),
        "VALIDATION_FAILED": ("The document does not fit the schema.", "Compare it with `schema.graphql`."),
        "DOCUMENT_REFUSED": ("The document is larger or deeper than is executed.", "Ask in several requests."),
        "INTROSPECTION_DISABLED": (
            "Introspection needs the permission `identity:schema:read`.",
            "Have it granted, or read `schema.graphql`.",
        ),
    }
)
