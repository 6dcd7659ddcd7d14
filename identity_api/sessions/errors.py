"""A login that ended without a session.

    LoginFailed         .code, .status, .reason, .clear_cookies

Codes, with the status of the page or JSON answer:

    400  CALLBACK_INVALID     the callback's parameters are not an authorization response
    400  STATE_UNKNOWN        no login under way has this state
    400  CALLBACK_MISPLACED   the callback arrived at another provider's address
    400  BROWSER_MISMATCH     the callback arrived in another browser than the login began in
    400  LOGIN_EXPIRED        too late; begin again
    400  LOGIN_USED           the result, handle or code was used before
    400  HANDLE_UNKNOWN       the handle is unknown or has expired
    400  CODE_UNKNOWN         the one-time code is unknown or has expired
    400  CODE_REFUSED         a one-time code was presented with the wrong verifier or by another frontend
    400  ISSUER_MISMATCH      the callback comes from another provider (RFC 9207)
    400  PROVIDER_REFUSED     the provider did not complete the login
    400  EXCHANGE_REFUSED     the provider did not exchange its code
    400  TOKEN_REFUSED        the ID Token breaks a rule
    400  USERINFO_REFUSED     UserInfo breaks a rule, or is about another person
    400  CLAIM_UNUSABLE       the claim that identifies the person is missing or unusable
    400  CREDENTIALS_REFUSED  username and password do not fit, or there were too many tries; never says which
    400  SECOND_FACTOR_REQUIRED, SECOND_FACTOR_REFUSED    the password was right
    403  LOCAL_SIGN_IN_OFF    the tenant has no passwords
    403  OTHER_PERSON         the signed-in person had to prove who they are, and another person did
    403  PROVIDER_DISABLED    the provider was disabled, or set up again, meanwhile
    403  ACCOUNT_NOT_FOUND, ACCOUNT_DISABLED, ACCOUNT_QUARANTINED, SUBJECT_CHANGED, EMAIL_NOT_VERIFIED, INVITATION_ENDED
    403  NO_ACCESS            nothing gives the person any permission, and the provider's people need one
    502  PROVIDER_MISCONFIGURED    a fault of the set-up, which stays until an admin corrects it
    502 or 503  PROVIDER_UNAVAILABLE      504  PROVIDER_TIMED_OUT
"""

from collections.abc import Sequence
from typing import ClassVar

from identity_api.accounts.errors import MESSAGES as CREDENTIAL_MESSAGES
from identity_api.errors import IdentityAPIError


class LoginFailed(IdentityAPIError):
    """A login that failed. The page shows `code` and `message`; `reason` is for administrators.

    `reason` holds this service's codes and claim names, never anything that a provider or a browser wrote; `said` is
    the provider's error text (`oidc.provider_error_text`), for administrators as well. `clear_cookies` are the names of
    binding cookies that are of no use any more.
    """

    default_code: ClassVar[str] = "LOGIN_FAILED"

    def __init__(
        self,
        code: str,
        *,
        status: int = 400,
        reason: str | None = None,
        said: str | None = None,
        clear_cookies: Sequence[str] = (),
    ) -> None:
        super().__init__(_message(code, reason), code=code)
        self.status = status
        self.reason = reason
        self.said = said
        self.clear_cookies = tuple(clear_cookies)
        self.is_recorded = False
        """Whether it is recorded in the tenant's audit."""
        self.begin_again: str | None = None
        """The address of the tenant's login page, once the attempt is known."""
        self.frontend_address: str | None = None
        """The frontend's address that receives the error; None if this service's own page shows it."""


def _message(code: str, reason: str | None) -> str:
    """The sentence for the person, as exact as the first part of the reason allows."""
    exact = _MESSAGES.get(f"{code}:{(reason or '').partition(':')[0]}")
    return exact or _MESSAGES.get(code, "Something about this sign-in does not fit together. Begin again.")


_MESSAGES = {
    **CREDENTIAL_MESSAGES,
    "LOCAL_SIGN_IN_OFF": "This organisation does not allow sign-in with a password.",
    "LOGIN_EXPIRED": "The sign-in took too long. Begin again.",
    "LOGIN_USED": "This sign-in was already completed. Begin again.",
    "BROWSER_MISMATCH": "The sign-in was begun in another browser. Begin again in this one.",
    "HANDLE_UNKNOWN": "This sign-in link has expired. Begin again.",
    "PROVIDER_REFUSED": "The organisation's sign-in service did not complete the sign-in.",
    "PROVIDER_REFUSED:access_denied": "The sign-in was cancelled, or the organisation's sign-in service does not let you "
    "use this application (access_denied).",
    "PROVIDER_REFUSED:temporarily_unavailable": "The organisation's sign-in service cannot sign anybody in at the moment "
    "(temporarily_unavailable). Try again in a moment.",
    "PROVIDER_REFUSED:server_error": "The organisation's sign-in service has a fault of its own (server_error). Try again "
    "in a moment.",
    **{
        f"PROVIDER_REFUSED:{error}": "The organisation's sign-in service does not accept how this application asks for the "
        f"sign-in ({error}). Trying again does not help: tell an administrator the request below."
        for error in ("invalid_request", "invalid_scope", "unauthorized_client", "unsupported_response_type")
    },
    "OTHER_PERSON": "Somebody else is signed in here. Confirm with the same account, or sign out first.",
    "PROVIDER_DISABLED": "This way of signing in has been switched off.",
    "PROVIDER_UNAVAILABLE": "The organisation's sign-in service does not answer. Try again in a moment.",
    "PROVIDER_TIMED_OUT": "The organisation's sign-in service took too long to answer. Try again in a moment.",
    "PROVIDER_MISCONFIGURED": "The connection to the organisation's sign-in service is not set up correctly. Trying again "
    "does not help: tell an administrator the request below.",
    "ACCOUNT_NOT_FOUND": "There is no account here for this person. Ask an administrator.",
    "ACCOUNT_NOT_FOUND:user_holds_identity_rights": "There is an account of this name here, and a name is not enough to "
    "sign in to it. Ask an administrator to link your sign-in to it.",
    "ACCOUNT_DISABLED": "This account has been disabled. Ask an administrator.",
    "ACCOUNT_QUARANTINED": "This account needs the attention of an administrator before it can be used.",
    "SUBJECT_CHANGED": "The sign-in service now means somebody else by this account. Ask an administrator.",
    "NO_ACCESS": "You have no access here. Ask the person who manages your groups in the organisation.",
    "INVITATION_ENDED": "This invitation does not work any more. Ask for another.",
    "EMAIL_NOT_VERIFIED": "The sign-in service has not verified the e-mail address.",
}
