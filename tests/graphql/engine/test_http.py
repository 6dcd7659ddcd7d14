"""GraphQL over HTTP: status, media type and code of every kind of request (promise 33; bad inputs 43-56, 63, 64)."""

import asyncio
import json
from typing import Any

import pytest
from graphql import get_introspection_query
from structlog.testing import capture_logs

from identity_api.errors import IdentityAPIError, Refused
from identity_api.graphql.engine import MAX_BODY_BYTES, Measured, handle, refusal
from identity_api.http import HTTPRequest, HTTPResponse
from tests.graphql.engine.example import BranchRow, Context, LeafRow, schema

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
GOOD = {"query": "{ branch { name } }"}


def ask(
    body: Any = GOOD,
    *,
    context: Context | None = None,
    deadline_seconds: float = 5.0,
    charge: Any = None,
    **head: Any,
) -> HTTPResponse:
    """One request; `body` is bytes, or an object to send as JSON."""
    given = Context() if context is None else context

    async def make_context(_: object) -> Context:
        return given

    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = HTTPRequest(
        **{"method": "POST", "request_id": "request-1", "content_type": JSON, "accept": GRAPHQL, "body": raw, **head}
    )
    return asyncio.run(handle(schema, request, make_context, charge=charge, deadline_seconds=deadline_seconds))


def content(answer: HTTPResponse) -> Any:
    return json.loads(answer.body)


def codes(answer: HTTPResponse) -> list[str]:
    return [error["extensions"]["code"] for error in content(answer)["errors"]]


def test_a_query_is_answered_in_the_type_asked_for_in_utf8_and_is_not_stored() -> None:
    answer = ask()
    assert answer.status == 200
    assert answer.headers == {
        "Content-Type": "application/graphql-response+json; charset=utf-8",
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    assert content(answer) == {"data": {"branch": {"name": "branch"}}}


@pytest.mark.parametrize(
    ("accept", "answered"),
    [(None, JSON), ("*/*", JSON), (JSON, JSON), (GRAPHQL, GRAPHQL), (f"{GRAPHQL}, {JSON}", GRAPHQL)],
)
def test_the_media_type_follows_the_accept_header(accept: str | None, answered: str) -> None:
    assert ask(accept=accept).headers["Content-Type"] == f"{answered}; charset=utf-8"


def test_text_beyond_ascii_travels_both_ways() -> None:
    answer = ask({"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "Zoë שלום 👋"}})
    assert content(answer) == {"data": {"echo": "Zoë שלום 👋"}}


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ({"method": "PUT"}, 405, "METHOD_NOT_ALLOWED"),
        ({"content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "multipart/form-data; boundary=x"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/json; charset=latin-1"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": None}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_encoding": "gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_encoding": "br"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"body": b" " * (MAX_BODY_BYTES + 1)}, 413, "BODY_TOO_LARGE"),
        ({"accept": "text/html"}, 406, "NOT_ACCEPTABLE"),
        ({"accept": f"{JSON};q=0"}, 406, "NOT_ACCEPTABLE"),
    ],
)
def test_a_request_that_is_not_ours_is_a_problem_document(head: dict[str, Any], status: int, code: str) -> None:
    answer = ask(**head)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (content(answer)["code"], content(answer)["request_id"]) == (code, "request-1")


def test_other_methods_are_told_which_are_allowed() -> None:
    assert ask(method="DELETE").headers["Allow"] == "GET, POST"


def test_a_body_of_exactly_the_limit_is_read() -> None:
    start = b'{"query":"{ branch { name } }"'
    assert ask(start + b" " * (MAX_BODY_BYTES - len(start) - 1) + b"}").status == 200


def test_the_head_alone_tells_a_body_too_large() -> None:
    request = HTTPRequest(method="POST", request_id="request-1", content_type=JSON)
    assert refusal(request, body_bytes=MAX_BODY_BYTES) is None
    refused = refusal(request, body_bytes=MAX_BODY_BYTES + 1)
    assert refused is not None
    assert refused.status == 413


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"{ branch { name } }"',
        b"[]",
        json.dumps([GOOD, GOOD]).encode(),
        b"{}",
        b'{"query":null}',
        b'{"query":1}',
        b'{"query":["a"]}',
        b'{"query":"{ branch { name } }","variables":[]}',
        b'{"query":"{ branch { name } }","variables":"{}"}',
        b'{"query":"{ branch { name } }","operationName":{}}',
        b'{"query":"{ branch { name } }","extensions":1}',
        b'{"query":"{ branch { name } }"} x',
        b'{"query":"{ branch { name } }","variables":{"a":NaN}}',
        b'{"query":"{ branch { name } }","variables":{"a":1e999}}',
        b'{"query":"{ branch { name } }","variables":{"a":"\\ud800"}}',
        b'{"query":"\xff\xfe"}',
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        b'{"query":"a","variables":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    ],
)
def test_a_body_that_is_no_request_is_400_whatever_is_accepted(body: bytes, accept: str) -> None:
    answer = ask(body, accept=accept)
    assert answer.status == 400
    assert codes(answer) == ["BAD_INPUT"]
    assert "data" not in content(answer)


def test_an_empty_body_without_a_type_is_a_bad_request_and_no_wrong_type() -> None:
    assert ask(b"", content_type=None).status == 400


@pytest.mark.parametrize("member", ["variables", "operationName", "extensions"])
def test_null_members_and_unknown_ones_are_fine(member: str) -> None:
    assert ask({**GOOD, member: None, "more": 1}).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "SYNTAX_ERROR"),
        ({"query": ""}, "SYNTAX_ERROR"),
        ({"query": "{ nope }"}, "VALIDATION_FAILED"),
        ({"query": "{ page(first: 2147483648) }"}, "BAD_INPUT"),
        ({"query": "query ($a: Int!) { page(first: $a) }", "variables": {"a": "1"}}, "BAD_INPUT"),
        ({"query": "query ($a: Int!) { page(first: $a) }", "variables": {"a": 2**31}}, "BAD_INPUT"),
        ({"query": "query ($a: Int!) { page(first: $a) }"}, "BAD_INPUT"),
        ({"query": "query ($c: Colour!) { byColour(colour: $c) }", "variables": {"c": "REDD"}}, "BAD_INPUT"),
        ({"query": "query ($k: UUID!) { byColour(colour: RED, key: $k) }", "variables": {"k": "x"}}, "BAD_INPUT"),
        ({"query": 'query ($f: Filter) { echo(text: "", filter: $f) }', "variables": {"f": {"tex": ""}}}, "BAD_INPUT"),
        ({"query": "query A { branch { name } } query B { branch { name } }"}, "BAD_INPUT"),
        ({"query": "query A { branch { name } }", "operationName": "B"}, "BAD_INPUT"),
        ({"query": "{ __schema { types { name } } }"}, "INTROSPECTION_DISABLED"),
        ({"query": '{ __type(name: "Query") { name } }'}, "INTROSPECTION_DISABLED"),
        ({"query": "{ nope __schema { nope } }"}, "INTROSPECTION_DISABLED"),
        ({"query": "{" + "a{" * 11 + "b" + "}" * 12}, "DOCUMENT_REFUSED"),
        ({"query": "subscription { branch { name } }"}, "VALIDATION_FAILED"),
    ],
)
def test_a_request_error_is_400_or_200_by_media_type_and_has_no_data(body: dict[str, Any], code: str) -> None:
    for accept, status in ((GRAPHQL, 400), (JSON, 200)):
        answer = ask(body, accept=accept)
        assert answer.status == status
        assert set(content(answer)) == {"errors"}
        assert set(codes(answer)) == {code}
        assert "Did you mean" not in answer.body.decode()


def test_introspection_is_answered_where_the_context_allows_it() -> None:
    answer = ask({"query": get_introspection_query()}, context=Context(introspection_allowed=True))
    assert content(answer)["data"]["__schema"]["queryType"]["name"] == "Query"


def test_a_type_name_needs_no_permission() -> None:
    assert content(ask({"query": "{ __typename branch { __typename } }"}))["data"]["branch"] == {"__typename": "Branch"}


def test_the_named_operation_is_the_one_that_runs() -> None:
    body = {"query": 'query A { echo(text: "a") } query B { echo(text: "b") }', "operationName": "B"}
    assert content(ask(body)) == {"data": {"echo": "b"}}


def test_a_mutation_runs_by_post() -> None:
    assert content(ask({"query": "mutation { change { name } }"})) == {"data": {"change": {"name": "branch"}}}


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
@pytest.mark.parametrize(
    "body",
    [
        {"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "a\x00"}},
        {"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "a\u202eb"}},
        {"query": '{ echo(text: "a\\u0000") }'},
    ],
)
def test_a_string_with_a_forbidden_character_is_bad_input_with_null_data(body: dict[str, Any], accept: str) -> None:
    answer = ask(body, accept=accept)
    assert answer.status == 200
    assert content(answer)["data"] is None
    assert codes(answer) == ["BAD_INPUT"]


def test_an_error_of_ours_passes_with_code_message_field_and_path() -> None:
    answer = ask({"query": "{ page(first: 101) conflict branch { name } }"})
    assert answer.status == 200
    assert content(answer) == {
        "data": {"page": None, "conflict": None, "branch": {"name": "branch"}},
        "errors": [
            {
                "message": "Ask for 1 to 100 items.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["page"],
                "extensions": {"code": "BAD_INPUT", "field": "first"},
            },
            {
                "message": "Somebody was faster.",
                "locations": [{"line": 1, "column": 20}],
                "path": ["conflict"],
                "extensions": {"code": "CONFLICT"},
            },
        ],
    }


def test_an_argument_that_fails_during_execution_is_the_clients_mistake_and_not_logged() -> None:
    """A nullable variable with a default may stand for a required argument, and be null after all."""
    query = "query ($a: Int = 5) { page(first: $a) }"
    assert content(ask({"query": query})) == {"data": {"page": 5}}
    with capture_logs() as logs:
        answer = ask({"query": query, "variables": {"a": None}})
    assert (answer.status, codes(answer), logs) == (200, ["BAD_INPUT"], [])


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
def test_an_unexpected_error_is_masked_and_logged_once_with_its_exception(accept: str) -> None:
    with capture_logs() as logs:
        answer = ask({"query": "{ broken }"}, accept=accept)
    assert answer.status == 200
    assert b"passwd" not in answer.body
    assert content(answer)["errors"][0]["message"] == "Something went wrong on our side."
    assert content(answer)["errors"][0]["extensions"] == {"code": "INTERNAL", "request_id": "request-1"}
    assert [(entry["log_level"], entry["request_id"], type(entry["exc_info"])) for entry in logs] == [
        ("error", "request-1", RuntimeError)
    ]


def test_a_row_that_breaks_the_schema_is_our_mistake_and_not_the_clients() -> None:
    with capture_logs() as logs:
        answer = ask({"query": "{ branch { leaf { number } } }"}, context=Context(BranchRow(leaf=LeafRow(number=None))))
    assert content(answer)["data"] is None
    assert codes(answer) == ["INTERNAL"]
    assert len(logs) == 1


def test_the_same_failure_on_many_rows_is_not_logged_many_times() -> None:
    row = BranchRow(maybe_leaves=[LeafRow(number="x") for _ in range(20)])
    with capture_logs() as logs:
        answer = ask({"query": "{ branch { maybeLeaves { number } } }"}, context=Context(row))
    assert codes(answer) == ["INTERNAL"] * 20
    assert len(logs) <= 3


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        {"query": "{"},
        {"query": "{ nope }"},
        {"query": "{ page(first: 0) }"},
        {"query": "{ branch { leaf { secret } } }"},
        {"query": "query ($a: Int!) { page(first: $a) }"},
        {"query": "{ __schema { types { name } } }"},
    ],
)
def test_a_clients_mistake_is_never_logged_as_an_error(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as logs:
        assert codes(ask(body, context=Context(may_see=False)))
    assert logs == []
    assert caplog.records == []


def test_a_refused_field_says_so_with_the_rules_code() -> None:
    answer = ask({"query": "{ maybeBranch { leaf { owned } } }"}, context=Context(BranchRow(leaf=LeafRow(flag=False))))
    assert content(answer)["data"] == {"maybeBranch": {"leaf": {"owned": None}}}
    assert codes(answer) == ["NOT_OWNED"]


def test_after_the_deadline_the_resolvers_are_cancelled_and_the_code_is_timeout() -> None:
    context = Context()
    answer = ask({"query": "{ slow slowToo }"}, context=context, deadline_seconds=0.02)
    assert answer.status == 200
    assert content(answer)["data"] is None
    assert codes(answer) == ["TIMEOUT"]
    assert sorted(context.cancelled) == ["slow", "slow_too"]


def test_a_resolvers_own_timeout_is_not_the_requests() -> None:
    assert codes(ask({"query": "{ ownTimeout }"})) == ["INTERNAL"]


def test_a_value_that_json_cannot_hold_is_masked() -> None:
    with capture_logs() as logs:
        answer = ask({"query": "{ unsendable }"})
    assert (answer.status, codes(answer), len(logs)) == (200, ["INTERNAL"], 1)


def test_without_a_session_the_document_is_not_looked_at() -> None:
    async def nobody(_: object) -> Context:
        raise Refused("Sign in first.", code="NO_SESSION")

    body = json.dumps({"query": "{ never { seen } }"}).encode()
    request = HTTPRequest(method="POST", request_id="request-1", content_type=JSON, accept=GRAPHQL, body=body)
    before = len(schema.documents._refused)
    with pytest.raises(Refused):
        asyncio.run(handle(schema, request, nobody))
    assert len(schema.documents._refused) == before


def test_a_document_is_charged_before_it_runs_and_one_that_is_refused_is_not() -> None:
    charged: list[int] = []

    async def charge(_: Context, measured: Measured) -> None:
        charged.append(measured.fields)
        raise IdentityAPIError("Too many requests.", code="RATE_LIMITED")

    assert codes(ask({"query": "{ nope }"}, charge=charge)) == ["VALIDATION_FAILED"]
    assert charged == []
    with pytest.raises(IdentityAPIError):
        ask(charge=charge)
    assert charged == [2]


def test_requests_that_run_together_keep_their_own_contexts() -> None:
    async def one(number: int) -> None:
        async def make_context(_: object) -> Context:
            await asyncio.sleep(0)
            return Context(BranchRow(name=f"row {number}"))

        request = HTTPRequest(
            method="POST",
            request_id=f"request-{number}",
            content_type=JSON,
            accept=JSON,
            body=json.dumps(GOOD).encode(),
        )
        answer = await handle(schema, request, make_context)
        assert content(answer) == {"data": {"branch": {"name": f"row {number}"}}}

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(200)))

    asyncio.run(many())
