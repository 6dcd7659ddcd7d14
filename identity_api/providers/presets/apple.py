"""Sign in with Apple.

Facts: the client secret is a JWT, made here for each request from the key that Apple gives out
(https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret). With the scopes
`name` and `email` the answer comes as a form, and the name only there, only once, and unsigned. `email_verified` may be a
text. There is no UserInfo and no logout. Apple asks that a refresh token be used once a day at most, hence no sync.
Everybody in the world has or can have an account here, hence not `JIT`.
"""

from identity_api.providers.presets.preset import Preset

PRESET = Preset(
    name="apple",
    label="Apple",
    icon="mdi:apple",
    register_redirect_at="Apple Developer, Certificates, Identifiers & Profiles, Identifiers, the Services ID, Sign in "
    "with Apple, Return URLs",
    steps=(
        "Make an App ID with Sign in with Apple, and a Services ID for it: that is the client ID.",
        "Keys: make a key with Sign in with Apple, and download it; it can be downloaded once.",
    ),
    documentation="https://developer.apple.com/documentation/signinwithapple/configuring-your-webpage-for-sign-in-with-apple",
    unverified=(
        "That PKCE parameters do no harm.",
        "That the issuer is https://appleid.apple.com for web sign-in everywhere.",
    ),
    issuer="https://appleid.apple.com",
    client_authentication="apple_client_secret",
    scopes=("openid", "name", "email"),
    authorization_parameters={"response_mode": "form_post"},
    username_claim=("email",),
    display_claim=("name",),
    absent_groups="EMPTY",
    name_in_callback=True,
    provisioning="KNOWN_USERS",
    email_verified_rule="REQUIRED",
    sync="OFF",
    sync_mode="NONE",
)
