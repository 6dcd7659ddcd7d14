"""DPoP, proof of possession: a stolen access or refresh token cannot be used without the key. RFC 9449.

Every request carries a JWT signed for this request only. A provider may require its own nonce in it (sections 8 and 9): it
refuses the first request and sends the nonce, and the request is repeated; further answers may bring the next nonce.
"""

import hashlib
import re
from datetime import datetime
from typing import Any

import msgspec

from identity_api.ids import new_token
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.own_keys import OwnKey, encode_base64url
from identity_api.oidc.token_endpoint import error_code

TOKEN_TYPE = "DPoP"  # noqa: S105 -- a kind of token; what the readers of `token_endpoint` are told to expect
NONCE_ERROR = "use_dpop_nonce"
MAX_NONCE_LENGTH = 512
MAX_CHALLENGE_LENGTH = 4096

_NONCE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # NQCHAR, section 8.1
_SCHEME = re.compile(r"(?:^|[\s,])DPoP(?:\s|$)", re.IGNORECASE)
_ERROR = re.compile(r'error\s*=\s*"?use_dpop_nonce\b')


def dpop_proof(
    key: OwnKey,
    *,
    method: str,
    url: str,
    now: datetime,
    nonce: str | None = None,
    access_token: str | None = None,
) -> str:
    """A proof for one request (section 4.2).

    Args:
        key: one of this service's for signatures. Tokens are bound to it, so the same key is used as long as they live.
        method: of the request, such as POST.
        url: of the request; its query and fragment are not part of the proof.
        now: aware UTC time.
        nonce: the provider's, if it has given one.
        access_token: at a resource (UserInfo), the token that the request presents; at the token endpoint None.

    Raises:
        BadInput: the key is not for signatures.
    """
    claims: dict[str, Any] = {
        "jti": new_token("dp"),
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(now.timestamp()),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if access_token is not None:
        claims["ath"] = encode_base64url(hashlib.sha256(access_token.encode("ascii")).digest())
    return key.sign({"typ": "dpop+jwt", "jwk": key.public_members}, claims)


def with_proof(
    request: Request, key: OwnKey, now: datetime, *, nonce: str | None = None, access_token: str | None = None
) -> Request:
    """The request with a fresh proof, replacing an older one. With `access_token`, it presents that (section 7.1).

    Raises:
        BadInput: the key is not for signatures.
    """
    proof = dpop_proof(key, method=request.method, url=request.url, now=now, nonce=nonce, access_token=access_token)
    headers = {**request.headers, "dpop": proof}
    if access_token is not None:
        headers["authorization"] = f"{TOKEN_TYPE} {access_token}"
    return msgspec.structs.replace(request, headers=headers)


def nonce_challenge(answer: Answer) -> str | None:
    """The nonce with which to make the refused request again, once; None if the answer does not ask for that.

    Check this before other readings of the answer: at the token endpoint a 400 with the error `use_dpop_nonce` (section
    8), at a resource a 401 with that error in its challenge (section 9). Nothing was granted or used up.
    """
    challenge = answer.headers.get("www-authenticate", "")[:MAX_CHALLENGE_LENGTH]
    if answer.status == 400:
        is_asked = error_code(answer, (NONCE_ERROR,)) == NONCE_ERROR
    else:
        is_asked = answer.status == 401 and bool(_SCHEME.search(challenge) and _ERROR.search(challenge))
    return next_nonce(answer) if is_asked else None


def next_nonce(answer: Answer) -> str | None:
    """The nonce for the next request to this server, if the answer brings a usable one (section 8.2)."""
    nonce = answer.headers.get("dpop-nonce")
    if nonce is None or len(nonce) > MAX_NONCE_LENGTH or not _NONCE.fullmatch(nonce):
        return None
    return nonce
