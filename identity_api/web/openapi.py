"""The description of `/v1` as OpenAPI 3.1, for generators of clients: served at `/v1/openapi.json`, kept as `docs/openapi.json`.

Written by hand beside the routes, since these read their requests themselves. A test compares it with the routes there are
and with what they answer.
"""

from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_ABSENT: Final[Schema] = {"type": ["string", "null"]}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


_PROBLEM: Final = _object(
    {"status": _COUNT, "title": _TEXT, "code": _described(_TEXT, "Stable."), "message": _TEXT, "request_id": _TEXT}
)
_OAUTH_ERROR: Final = _object(
    {
        "error": _described(_TEXT, "Of RFC 6749 section 5.2."),
        "error_description": _TEXT,
        "status": _COUNT,
        "code": _described(_TEXT, "Our own, stable."),
        "message": _TEXT,
        "request_id": _TEXT,
    }
)
_USER_CONTEXT: Final = _object(
    {
        "user_id": _described(_TEXT, "Ours; stays when the provider changes."),
        "subject": _described(_TEXT, "The provider's identifier of the person."),
        "tenant_id": _TEXT,
        "tenant": _described(_TEXT, "The tenant's slug."),
        "is_sso": _described(_FLAG, "Whether a provider vouched, and not a local password."),
        "email": _ABSENT,
        "email_verified": _FLAG,
        "name": _TEXT,
        "groups": _TEXTS,
        "permissions": _described(_TEXTS, "Those in force at this moment: ask again instead of keeping them."),
        "sign_in_again": _described(_FLAG, "The provider cannot be asked about this sign-in any more."),
    }
)
_INTROSPECTION: Final = _object(
    {"active": _FLAG},
    {
        "sub": _described(_TEXT, "Our id of the user."),
        "subject": _described(_TEXT, "The provider's."),
        "username": _TEXT,
        "name": _TEXT,
        "email": _ABSENT,
        "token_type": _TEXT,
        "scope": _described(_TEXT, "The permissions in one text."),
        "permissions": _TEXTS,
        "tenant_id": _TEXT,
        "tenant": _TEXT,
        "is_sso": _FLAG,
        "auth_time": _described(_COUNT, "When the person proved who they are, in Unix seconds."),
        "iat": _COUNT,
        "exp": _COUNT,
    },
)
_METADATA: Final = _object(
    dict.fromkeys(("issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint"), _TEXT)
    | {"introspection_endpoint": _TEXT}
)
_LOGIN: Final = {
    "return_to": _described(_TEXT, "One of the frontend's `return_urls`, exactly."),
    "delivery": {"enum": ["cookie", "code", "fragment"]},
    "code_challenge": _described(_TEXT, "For `code`: BASE64URL(SHA-256(code_verifier))."),
    "state": _described(_TEXT, "The frontend's own; comes back as it was."),
    "login_hint": _TEXT,
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(media_type: str, schema: Schema) -> Schema:
    return {"content": {media_type: {"schema": schema}}}


def _answers(description: str, schema: Schema | None, error: str, *statuses: int) -> Schema:
    """The success, and the refusals there may be."""
    success: Schema = {"description": description, **(_body("application/json", schema) if schema is not None else {})}
    kind = "application/json" if error == "OAuthError" else "application/problem+json"
    refusal = {"description": "Refused; `code` says why.", **_body(kind, _ref(error))}
    return {"200": success, **{str(status): refusal for status in statuses}}


def _form(schema: Schema) -> Schema:
    return {"required": True, **_body("application/x-www-form-urlencoded", schema)}


def _query(required: dict[str, Schema], optional: dict[str, Schema]) -> list[Schema]:
    named = [(name, schema, name in required) for name, schema in {**required, **optional}.items()]
    return [
        {"name": name, "in": "query", "required": is_required, "schema": schema} for name, schema, is_required in named
    ]


_AUTHORIZE: Final = _query(
    {"response_type": {"const": "code"}, "client_id": _TEXT, "code_challenge": _TEXT},
    {
        "code_challenge_method": {"const": "S256"},
        "redirect_uri": _TEXT,
        "state": _TEXT,
        "login_hint": _TEXT,
        "max_age": _described(_COUNT, "Ask the person for a new proof (RFC 9470)."),
        "prompt": _TEXT,
        "provider": _described(_TEXT, "A provider's slug: skips the choice."),
    },
)
_CODE: Final = _object(
    {"code": _TEXT, "code_verifier": _TEXT},
    {"grant_type": {"const": "authorization_code"}, "client_id": _TEXT, "frontend": _TEXT, "redirect_uri": _TEXT},
)
_TOKEN: Final = _object({"access_token": _TEXT, "token_type": {"const": "Bearer"}, "expires_in": _COUNT})
_CLIENT: Final = {"client_id": _TEXT, "client_secret": _TEXT}


def _check(method: str) -> Schema:
    who = {"Identity-User": "Our id of the user.", "Identity-Tenant": "The tenant's slug."}
    told = {name: {"schema": _TEXT, "description": text} for name, text in who.items()}
    answers = _answers("It may pass.", None, "Problem", 400, 401, 403, 404, 429)
    return {
        "operationId": f"check{method.title()}",
        "summary": "Whether a proxy lets a request of this method pass that has this credential.",
        "description": "At any host below `/t/TENANT`, since a proxy names the host of what it guards.",
        "security": [{"bearer": []}, {"cookie": []}],
        "parameters": _query(
            {},
            {
                "permission": _described(_TEXT, "One that they must hold."),
                "sign_in": _described(
                    _TEXT, "1: a browser that opens a page and is not signed in is sent to the login page, and back."
                ),
            },
        ),
        "responses": answers
        | {
            "200": {**answers["200"], "headers": told},
            "303": {"description": "To the login page, with `sign_in=1`."},
        },
    }


_PATHS: Final[Schema] = {
    "/v1/me": {
        "get": {
            "operationId": "me",
            "summary": "Who is signed in, and what they may do now.",
            "security": [{"bearer": []}, {"cookie": []}],
            "responses": _answers("The user.", _ref("UserContext"), "Problem", 401, 403, 429),
        }
    },
    "/v1/check": {method: _check(method) for method in ("delete", "get", "patch", "post", "put", "trace")},
    "/v1/auth/oidc/login": {
        "post": {
            "operationId": "prepareLogin",
            "summary": "Prepare a login; answers the address to open in the person's browser, once, within a minute.",
            "requestBody": {
                "required": True,
                **_body(
                    "application/json",
                    _object(
                        {"tenant_id": _described(_TEXT, "A slug or an id.")},
                        {"provider": _TEXT, "frontend": _TEXT, **_LOGIN},
                    ),
                ),
            },
            "responses": _answers("The address.", _object({"auth_url": _TEXT}), "Problem", 400, 404, 429),
        }
    },
    "/v1/auth/authorize": {
        "get": {
            "operationId": "authorize",
            "summary": "The authorization endpoint (RFC 6749 section 4.1), for a person's browser.",
            "parameters": _AUTHORIZE,
            "responses": {"303": {"description": "On to the login page, or back to `redirect_uri` with `error`."}}
            | {"400": {"description": "No known client or redirect URI: a page, and nobody is sent anywhere."}},
        }
    },
    "/v1/auth/token": {
        "post": {
            "operationId": "exchangeCode",
            "summary": "Exchange a one-time code for a bearer token.",
            "description": "With the bearer token of a session in `Authorization`, that session ends: a step-up replaces it.",
            "requestBody": {
                "required": True,
                "content": {
                    "application/x-www-form-urlencoded": {"schema": _CODE},
                    "application/json": {"schema": _CODE},
                },
            },
            "responses": _answers("The token.", _ref("Token"), "OAuthError", 400, 403, 415, 429),
        }
    },
    "/v1/auth/revoke": {
        "post": {
            "operationId": "revokeToken",
            "summary": "End the session of a bearer token (RFC 7009).",
            "requestBody": _form(_object({"token": _TEXT}, {"token_type_hint": _TEXT, "client_id": _TEXT})),
            "responses": _answers("The token is over, also if it was before.", None, "OAuthError", 400, 403, 429),
        }
    },
    "/v1/introspect": {
        "post": {
            "operationId": "introspect",
            "summary": "What a token stands for (RFC 7662), for service clients.",
            "security": [{"serviceClient": []}, {}],
            "requestBody": _form(_object({"token": _TEXT}, _CLIENT)),
            "responses": _answers("What it stands for.", _ref("Introspection"), "OAuthError", 400, 401, 403, 429),
        }
    },
    "/.well-known/oauth-authorization-server": {
        "get": {
            "operationId": "metadata",
            "summary": "What the tenant's authorization server offers (RFC 8414).",
            "responses": _answers("The metadata.", _ref("Metadata"), "Problem", 404),
        }
    },
}

DOCUMENT: Final[Schema] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Identity API",
        "version": "1",
        "description": "Sign-in and permissions for frontends and backends. Lists and changes are GraphQL's, at `/graphql`.",
    },
    "servers": [{"url": "https://{host}", "variables": {"host": {"default": "login.acme.example"}}}],
    "paths": _PATHS,
    "components": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "cookie": {
                "type": "apiKey",
                "in": "cookie",
                "name": "__Host-session",
                "description": "On the tenant's own host; below `/t/TENANT` on the public one `__Host-session-TENANT`.",
            },
            "serviceClient": {"type": "http", "scheme": "basic"},
        },
        "schemas": {
            "UserContext": _USER_CONTEXT,
            "Token": _TOKEN,
            "Introspection": _INTROSPECTION,
            "Metadata": _METADATA,
            "Problem": _PROBLEM,
            "OAuthError": _OAUTH_ERROR,
        },
    },
}
