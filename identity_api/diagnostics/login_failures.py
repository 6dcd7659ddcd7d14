"""Why a login did not succeed: the code on the person's page. Its reason is in the audit and in `loginFailures`."""

from typing import Final

from identity_api.diagnostics.explanation import Table, table

_AGAIN = "The person begins again, from the organisation's sign-in address."
_SELF_TEST = "Run the provider's self-test; its first line names the fault."
_CLAIMS = "Make a test login: it shows which claims come, and under which names."

LOGINS: Final[Table] = table(
    {
        "LOGIN_FAILED": ("The sign-in did not succeed.", "Look up the request id in the failed logins."),
        "CALLBACK_INVALID": (
            "What arrived at the callback is no answer to a sign-in: a parameter is missing, doubled or unreadable.",
            f"{_AGAIN} If it happens each time, the provider does not use the code flow, or something rewrites addresses.",
        ),
        "CALLBACK_INVALID:state": (
            "The provider's answer has no `state`, so that it belongs to no sign-in.",
            f"{_AGAIN} If it happens each time, the provider or a proxy drops `state`.",
        ),
        "CALLBACK_INVALID:code:too_long": (
            "The code that the provider sent is longer than any that is read here; the reason gives its length.",
            "Ask the provider for a shorter one, and tell the maintainers of this service which provider it is.",
        ),
        "STATE_UNKNOWN": (
            "No sign-in under way has the state that arrived: it is an old link, a bookmark, or not ours.",
            f"{_AGAIN} Sign-in pages of the provider must not be bookmarked.",
        ),
        "CALLBACK_MISPLACED": (
            "The answer arrived at another address than the one the provider was given.",
            "Compare the redirect URL registered at the provider with the configured one; look at rewriting proxies.",
        ),
        "BROWSER_MISMATCH": (
            "The answer arrived in another browser than the one the sign-in began in, or its cookie is gone.",
            f"{_AGAIN} If it happens to everybody: the sign-in begins on another host than the redirect URL is on, the "
            "redirect URL is http, or a proxy drops cookies.",
        ),
        "BROWSER_MISMATCH:signed_in": (
            "The answer arrived in another browser than the one the sign-in began in, or its cookie is gone; somebody is "
            "signed in there, and went on as who they were.",
            "No action is needed, unless it happens often: then somebody may be sending people links to sign-ins of others.",
        ),
        "LOGIN_EXPIRED": (
            "More than ten minutes passed between the beginning and the end, or the link was opened too late.",
            _AGAIN,
        ),
        "LOGIN_USED": (
            "This sign-in was completed before: the page was reloaded, or the back button was used, and nobody is signed in.",
            _AGAIN,
        ),
        "LOGIN_ENDED": (
            "The provider or an administrator ended this login while it was under way.",
            f"{_AGAIN} If the provider keeps ending it, look at its sign-out rules.",
        ),
        "HANDLE_UNKNOWN": ("The link that begins a sign-in works once, for a minute, on one host.", _AGAIN),
        "CODE_UNKNOWN": (
            "The one-time code of a finished sign-in is unknown, too old, or was brought to another host.",
            f"{_AGAIN} If it is a frontend's exchange: it must come within a minute, from the same frontend.",
        ),
        "CODE_REFUSED": (
            "A frontend presented a one-time code with the wrong verifier, or another frontend presented it.",
            "Look at the frontend: the verifier is the one whose S256 challenge began this sign-in.",
        ),
        "ISSUER_MISMATCH": (
            "The provider, or its answer, names another issuer than the one configured; compared character by character.",
            f"Enter the issuer exactly as the provider writes it, closing slash included. {_SELF_TEST}",
        ),
        "ISSUER_MISMATCH:iss_missing": (
            "The provider announces that its answers carry `iss`, and this one did not.",
            f"{_AGAIN} If it happens each time, the provider does not do what it announces, or a proxy drops parameters.",
        ),
        "ISSUER_MISMATCH:iss_differs": (
            "The answer comes from another provider than the sign-in began with, or spells its issuer otherwise.",
            f"{_AGAIN} If it happens each time, compare the issuer in the provider's metadata with the `iss` it sends.",
        ),
        "ISSUER_MISMATCH:shared_redirect_url": (
            "The answer does not identify its provider, and another provider has the same redirect URL.",
            "Give each provider a redirect URL of its own, as it gets by default, and register that there. Or let the "
            "provider send `iss` (RFC 9207) or offer `form_post`; the last resort is `accept_without_iss`.",
        ),
        "ISSUER_MISMATCH:posted_from_elsewhere": (
            "The answer was posted from another origin than the provider's authorization endpoint, or the page hid its "
            "origin, and another provider has the same redirect URL.",
            "Give the provider a redirect URL of its own, and register that there. A provider whose pages say "
            "`Referrer-Policy: no-referrer` hides where a form comes from: let it send `iss` (RFC 9207).",
        ),
        "ISSUER_MISMATCH:directory_removed": (
            "The person's Entra directory was taken off the provider's list while the sign-in was under way.",
            "List it in `allowed_directories` again, if that was a mistake.",
        ),
        "PROVIDER_REFUSED": (
            "The provider sent the person back with an error instead of a code; the reason is its error code, and "
            "`no_state` or `unknown_state` where the answer belongs to no sign-in, so that anybody may have written it.",
            "`access_denied`: the person cancelled, or is not assigned to the application there. Else compare client ID, "
            "redirect URL and scopes.",
        ),
        "PROVIDER_REFUSED:access_denied": (
            "The person cancelled, or the provider does not let them use this application.",
            "Assign the person, or a group of theirs, to the application at the provider.",
        ),
        "PROVIDER_REFUSED:invalid_scope": (
            "The provider does not give one of the scopes that are asked for.",
            "Compare the configured scopes with those the application may use at the provider.",
        ),
        "PROVIDER_REFUSED:unauthorized_client": (
            "The application may not use the code flow at the provider.",
            "Allow the authorization code flow for the application at the provider.",
        ),
        "PROVIDER_REFUSED:temporarily_unavailable": (
            "The provider is overloaded or being maintained, and signs nobody in at the moment.",
            "Wait and try again: nothing is set up wrongly here. If it stays, look at the provider's status page, or ask "
            "its operator.",
        ),
        "PROVIDER_REFUSED:server_error": (
            "The provider had an internal error.",
            "Try again later; if it stays, ask the provider's operator.",
        ),
        "EXCHANGE_REFUSED": (
            "The provider did not exchange its own code.",
            "Compare the redirect URL and the client; the person must not reload the page. Compare the clocks.",
        ),
        "TOKEN_REFUSED": ("The ID Token breaks a rule; the reason says which.", _CLAIMS),
        "USERINFO_REFUSED": (
            "The UserInfo answer breaks a rule, or is about another person.",
            f"Look at the provider's UserInfo endpoint and scopes. {_CLAIMS}",
        ),
        "CLAIM_UNUSABLE": (
            "The claim that identifies the person is missing or cannot be used; the reason says where it was looked for.",
            f"Correct the anchor claim, or let the provider send it (scopes, claim settings there). {_CLAIMS}",
        ),
        "PROVIDER_DISABLED": (
            "The provider was switched off, or its issuer or redirect URL was changed, while the sign-in was under way.",
            "Switch it on again; after a change of its settings the person begins again.",
        ),
        "PROVIDER_MISCONFIGURED": (
            "The connection to the provider is not set up correctly; nobody can sign in there until that is mended.",
            _SELF_TEST,
        ),
        "PROVIDER_UNAVAILABLE": (
            "The provider does not answer, or says that it cannot answer now.",
            f"Wait, if the provider has an outage: nobody loses permissions before the grace is over. Else: {_SELF_TEST}",
        ),
        "PROVIDER_TIMED_OUT": (
            "The provider was asked and did not answer in time.",
            f"Look at the network between us and the provider. {_SELF_TEST}",
        ),
        "ACCOUNT_NOT_FOUND": (
            "Nobody here is this person, and the provider's policy makes no new users.",
            "Enter or link the identity, or let the provisioning policy create users (`JIT`).",
        ),
        "ACCOUNT_NOT_FOUND:linked_only": (
            "The provider lets in only people whose identity an administrator has entered, and nobody's fits.",
            "Enter the identity with the person's anchor at the provider.",
        ),
        "ACCOUNT_NOT_FOUND:username_missing": (
            "The provider lets in known users only, and sent no username claim to know this person by.",
            f"Correct the username claim, or let the provider send it. {_CLAIMS}",
        ),
        "ACCOUNT_NOT_FOUND:no_such_username": (
            "The provider lets in known users only, and nobody here has the username that it sent.",
            "Make a user of exactly that name (see what the provider says), or correct the username claim.",
        ),
        "ACCOUNT_NOT_FOUND:username_differs_in_case": (
            "The provider lets in known users only, and the username that it sent differs from one here in capitals alone.",
            "Usernames are compared exactly: rename the user, or link the identity by hand.",
        ),
        "ACCOUNT_NOT_FOUND:user_has_an_identity": (
            "The user of this name was linked to somebody before, and a name is matched only once.",
            "Find out who it is. If it is the same person, link this identity to the user by hand.",
        ),
        "ACCOUNT_NOT_FOUND:user_holds_identity_rights": (
            "The user of this name holds rights over this service, and such an account is never claimed by a name.",
            "Link the identity to the user by hand, or sign in otherwise first.",
        ),
        "ACCOUNT_NOT_FOUND:erased_recently": (
            "The person's data was erased less than 30 days ago, and a login does not make them anew.",
            "If they shall have an account again, make a user and link this identity to it by hand.",
        ),
        "ACCOUNT_DISABLED": (
            "An administrator has disabled this user; the reason names the user's id.",
            "Enable the user, if that was a mistake.",
        ),
        "ACCOUNT_QUARANTINED": (
            "The identity is quarantined: the provider's answer was about another person.",
            "Find out from the provider who it is; then unlink the identity, or let its person sign in.",
        ),
        "SUBJECT_CHANGED": (
            "The anchor is known, and the provider now means another subject by it: an address given to a successor.",
            "Find out who it is; the owner goes on. For a successor, unlink the old identity. For a rebuilt provider there is "
            "`identity-api provider rebind`.",
        ),
        "EMAIL_NOT_VERIFIED": (
            "E-mail decides who this is, or must be verified, and the provider does not say that it is.",
            "Let the provider send `email_verified`, or declare its addresses trusted, or use another anchor or username claim.",
        ),
        "INVITATION_ENDED": (
            "The person came with an invitation that does not work any more: used, revoked, too old, its user has another way "
            "in, or its maker may not open that account now.",
            "Invite them again, or link the user by hand.",
        ),
        "NO_ACCESS": (
            "The person is who they say, and nothing of theirs gives a permission here, as far as their groups are known.",
            "Give their group a mapping, or put them into a group that has one. A test login shows whether groups come.",
        ),
        "OTHER_PERSON": (
            "A fresh proof was asked for, and somebody else than the one signed in gave it.",
            "Confirm with the same account, or sign out first.",
        ),
        "LOCAL_SIGN_IN_OFF": (
            "This organisation does not allow sign-in with a password.",
            "Switch local sign-in on in the tenant's declaration, if it is wanted.",
        ),
        "CREDENTIALS_REFUSED": (
            "Username and password do not fit, or there were too many tries; it is never said which.",
            "The person waits for some minutes; an administrator can make a link for a new password.",
        ),
        "SECOND_FACTOR_REQUIRED": ("The password is right, and a one-time code is needed too.", "Enter the code."),
        "SECOND_FACTOR_REFUSED": (
            "The password is right; the one-time code is wrong, too old, or was used.",
            "Wait for the next code; compare the clock of the device.",
        ),
    }
)
