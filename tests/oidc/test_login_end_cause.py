"""What vendors' words tell of the end of a login (S0-12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.oidc.login_end_cause import LoginEndCause, login_end_cause


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("invalid_grant: AADSTS50057: The user account is disabled.", "REMOVED"),
        ("invalid_grant: AADSTS50034: The user account does not exist in the directory.", "REMOVED"),
        ("invalid_grant: User disabled", "REMOVED"),
        ("invalid_grant: Unknown user", "REMOVED"),
        ("invalid_grant: user gone", "REMOVED"),
        ("invalid_grant: The user is inactive.", "REMOVED"),
        ("invalid_grant: AADSTS700082: The refresh token has expired due to inactivity.", "INACTIVE"),
        ("invalid_grant: Token is not active", "INACTIVE"),
        ("invalid_grant: refresh token expired", "INACTIVE"),
        ("invalid_grant: Session not active", "SESSION_ENDED"),
        ("invalid_grant: Offline user session not found", "SESSION_ENDED"),
        ("invalid_grant: AADSTS50173: The provided grant has expired, the user changed or reset their password.",
         "CREDENTIALS_CHANGED"),
        # One text for every case tells none.
        ("invalid_grant: Token has been expired or revoked.", "NOT_TOLD"),
        ("invalid_grant: The refresh token is invalid or expired.", "NOT_TOLD"),
        ("invalid_grant: Unknown or invalid refresh token.", "NOT_TOLD"),
        ("invalid_grant: The provided authorization grant is invalid, expired, revoked", "NOT_TOLD"),
        ("invalid_grant", "NOT_TOLD"),
        (None, "NOT_TOLD"),
    ],
)  # fmt: skip
def test_words_tell_removal_and_disuse_apart(said: str | None, cause: str) -> None:
    assert login_end_cause(said) == cause


@given(st.text())
def test_any_words_have_a_cause(said: str) -> None:
    assert login_end_cause(said) in LoginEndCause
