"""The states of an identity, and why it is not fresh. The reasons that logins have as well are in `reasons`, in capitals."""

from typing import Final

from identity_api.diagnostics.explanation import Table, table

_OUTAGE = "Nothing, unless it stays: it is tried again, and nobody loses permissions before the lease is over."
_SIGN_IN = "The person signs in again."
_GROUPS = "Correct the groups claim, or what the provider sends. Grants stay as they are until their lease is over."

SYNC: Final[Table] = table(
    {
        "FRESH": ("The provider has confirmed the person lately.", "No action is needed."),
        "STALE": ("The last sync did not confirm the person; the reason says why.", "See the reason."),
        "SUSPENDED": ("Stale for so long that no group gives a permission any more.", "See the reason."),
        "REVOKED": ("The login is over; the reason says why.", _SIGN_IN),
        "QUARANTINED": (
            "The provider's answer was about another person.",
            "Find out who it is; then unlink the identity, or keep it out.",
        ),
        "UNSYNCED": (
            "The provider is not asked between logins: its sync is off, or it issued no refresh token (the reason says so). "
            "Permissions are as of the last login.",
            "Nothing, if the sync is meant to be off. Else allow refresh tokens there, and ask for them.",
        ),
        "DISABLED": ("The user or the provider is switched off.", "Switch it on, if that was a mistake."),
        # Ends
        "invalid_grant": (
            "The provider says that the refresh token is dead: signed out, removed, a new password, or not used for too long.",
            f"{_SIGN_IN} If it happens to many at once, compare how long refresh tokens live there.",
        ),
        "login_refused": (
            "The provider refuses this login again and again, in other words than `invalid_grant`, and answers others.",
            f"{_SIGN_IN} Whether the person is locked or removed there, the provider's log says.",
        ),
        "access_token_refused": (
            "The provider does not take the access token of the login any more (401), as often as it is asked.",
            f"{_SIGN_IN} Somebody may have taken the application's access away there.",
        ),
        "reauth_required": ("The provider demands that the person signs in again.", _SIGN_IN),
        "logout_token": ("The provider told us that the person signed out.", _SIGN_IN),
        "login_ended": ("The login was ended.", _SIGN_IN),
        "admin": ("An administrator ended the login.", _SIGN_IN),
        "directory_removed": (
            "The person's Entra directory was taken off the provider's list.",
            "List it in `allowed_directories` again, if that was a mistake; then they sign in again.",
        ),
        "rebound": (
            "The identity waits for a new subject: its provider was rebuilt, or an administrator asked for it.",
            "The person of its anchor signs in; their subject is then the identity's.",
        ),
        "subject_changed": (
            "A refresh of this login was about another person (`sub`); the audit has which claim, and both values hashed.",
            "Find out from the provider who it is. Release the identity if that was a mistake there, or unlink it.",
        ),
        "claims_mismatch": (
            "An earlier version quarantined the identity, for another person or only another sign-in of the same one.",
            "Release it; a login that is another person's is refused.",
        ),
        "issuer_changed": (
            "A refresh of this login was vouched for by another issuer (`iss`); the audit has both, hashed.",
            "Find out from the provider why. Release the identity if that was a mistake there, or unlink it.",
        ),
        # Stale
        "rotation_lost": (
            "We lost the provider's answer with the next refresh token, and the old one is dead; the provider took nothing.",
            f"{_SIGN_IN} Until the lease is over they keep what they have. If it happens often, give refresh tokens a grace "
            "period at the provider.",
        ),
        "client_changed": (
            "The refresh token was issued to a client that the provider's settings do not name any more. Nothing is sent.",
            f"{_SIGN_IN} Until the lease is over they keep what they have. With the earlier client the sync goes on.",
        ),
        "anchor_changed": (
            "The provider names no `sub`, and its settings read the anchor elsewhere than at this login: who answers cannot be "
            "compared.",
            f"{_SIGN_IN} Until the lease is over they keep what they have. With the earlier claim the sync goes on.",
        ),
        "WITHDRAWN": ("A refresh was withdrawn before it was sent.", "No action is needed."),
        "lease_over": (
            "The worker was stopped for a while, and sent nothing when it woke up.",
            "Nothing, unless it happens often: look at what stops the worker.",
        ),
        "access_token_mismatch": (
            "The refreshed ID Token and the access token beside it do not belong together (`at_hash`).",
            "Ask the provider's operator; a proxy may mix answers.",
        ),
        "no_refresh_token": (
            "There is nothing to ask the provider with: it issued no refresh token at the login.",
            "Allow refresh tokens there and ask for `offline_access`, or set `sync` to `OFF` or `ACCESS_TOKEN`.",
        ),
        "provider_disabled": ("The provider is switched off.", "Switch it on, if that was a mistake."),
        "provider_misconfigured": (
            "The provider does not accept us as its client; its syncs are paused.",
            "Run the provider's self-test, and correct the client.",
        ),
        "internal_error": ("An internal error.", "Look at the worker's log of that moment."),
        "server_error": ("The token endpoint answered with an error of its own.", _OUTAGE),
        "rate_limited": (
            "The provider asks us to slow down.",
            "Nothing, while syncs are in time: workers ask more slowly by themselves. If `sync status` shows that the provider's"
            " limit is too low for everybody, raise it there.",
        ),
        "temporarily_unavailable": ("The provider says that it cannot answer now.", _OUTAGE),
        "slow_down": (
            "The provider asks us to slow down.",
            "Nothing, while syncs are in time: workers ask more slowly by themselves. If `sync status` shows that the provider's"
            " limit is too low for everybody, raise it there.",
        ),
        "unexpected_status": ("The token endpoint answered with a status that means nothing.", "Run the self-test."),
        "unknown_error": ("The token endpoint answered with an error code that is not standard.", "Run the self-test."),
        "unreadable_error": ("The token endpoint's refusal cannot be read.", "Run the self-test."),
        "use_dpop_nonce": ("The provider wanted another DPoP nonce.", _OUTAGE),
        "invalid_dpop_proof": ("The provider does not take our DPoP proof.", "Compare clocks and algorithms."),
        "too_large": ("The token endpoint's answer is too large.", "Send fewer claims."),
        "not_json": ("The token endpoint's answer is not JSON.", "Run the self-test."),
        "not_a_json_object": ("The token endpoint's answer is not a JSON object.", "Run the self-test."),
        "nested_too_deeply": ("The token endpoint's answer is nested too deeply.", "Run the self-test."),
        "unusable_access_token": ("A refresh brought no usable access token.", "Ask the provider's operator."),
        "unusable_token_type": ("A refresh brought tokens of another type.", "Ask the provider's operator."),
        "unusable_refresh_token": ("A refresh brought an unusable refresh token.", "Ask the provider's operator."),
        "unusable_id_token": ("A refresh brought an unusable ID Token.", "Ask the provider's operator."),
        # Groups
        "LISTED": ("The groups came, all of them.", "No action is needed."),
        "EMPTY_LIST": ("The person is in no group, and the provider says so.", "No action is needed."),
        "ABSENT_MEANS_EMPTY": ("No groups claim came, which means none at this provider.", "No action is needed."),
        "ABSENT_MEANS_UNKNOWN": (
            "No groups claim came, and this provider does not mean none by that.",
            f"{_GROUPS} If it does mean none, set `absent_groups` to `EMPTY`.",
        ),
        "DOCUMENT_MISSING": (
            "The document that should have the groups did not come (no ID Token with the refresh, say).",
            "Let the groups come in UserInfo as well, and configure it as a second source.",
        ),
        "ACCESS_TOKEN_UNREADABLE": (
            "The groups are configured to be in the access token, and that is not one we can verify.",
            "Let the provider sign access tokens as JWT for this application, or send groups elsewhere.",
        ),
        "GROUPS_OVERAGE": (
            "The person is in too many groups for a token; the provider names a place to ask instead.",
            "At Entra: send only groups assigned to the application, or app roles, or read them with `group_source`.",
        ),
        "CUT_AT_CAP": (
            "Exactly as many groups came as Okta lists at most, which cuts a longer list off without a word.",
            "Let the claim's filter match fewer groups, or read them all with the preset's alternative `all_groups`.",
        ),
        "GROUPS_LIMIT_REACHED": (
            "The provider has named as many different groups over time as it may, and new ones came.",
            "Let it send those only that matter here, or have the operator raise `IDENTITY_MAX_PROVIDER_GROUPS`.",
        ),
        "TOO_MANY": (
            "More groups came than `IDENTITY_MAX_ANSWER_GROUPS` allows (2,000 by default).",
            "Let the provider send those only that matter here, or raise the limit.",
        ),
        "WRONG_SHAPE": ("The groups claim has another shape than configured.", _GROUPS),
        "ENTRY_NOT_TEXT": (
            "An entry of the list of groups is no text (null, say), so that the list is not all of them. A test login, and the "
            "audit, say which entry.",
            _GROUPS,
        ),
        "ENTRY_EMPTY": ("A group without a name came.", _GROUPS),
        "ENTRY_TOO_LONG": ("A group's name is longer than 512 characters.", _GROUPS),
        "ENTRY_BAD_CHARACTER": ("A group's name has a character that cannot be stored.", _GROUPS),
        "SOURCE_UNAVAILABLE": (
            "The vendor's interface for groups (`group_source`) gave no list; the log line `groups.source_failed` says why.",
            "Look whether the application has the scope that the preset's alternative names, and the vendor's consent.",
        ),
        "SOURCE_INCOMPLETE": (
            "The vendor's interface for groups (`group_source`) stopped before the end of the list; a part is not used.",
            "Nothing, if it passes. Else the person is in more groups than can be read in 20 pages and 8 seconds.",
        ),
    }
)
