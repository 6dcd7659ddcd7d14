"""Parse, guard and validate each document once.

Together they cost milliseconds, and clients send the same few documents for ever. The cache's key is the SHA-256 of the
text and not the syntax tree, whose hash would be computed again for every request. Refusals are cached too, in a cache
of their own, so that invalid documents evict no valid one.
"""

import hashlib
from collections import OrderedDict
from typing import Any, Final

import msgspec
from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, specified_rules, validate
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from identity_api.errors import BadInput
from identity_api.graphql.engine.completion import MAX_DOCUMENTS, forget_plans
from identity_api.graphql.engine.guard import MAX_CHARACTERS, MAX_TOKENS, DocumentRefused, Measured, guard
from identity_api.graphql.engine.masking import (
    SYNTAX_ERROR,
    VALIDATION_FAILED,
    RenderedError,
    render_own,
    request_error,
)
from identity_api.graphql.engine.text import check_literals

MAX_REFUSED: Final = 256
# A token of a parsed document takes about 360 bytes with its nodes: this keeps all of them below 20 MB.
MAX_CACHED_TOKENS: Final = 50_000
MAX_VALIDATION_ERRORS: Final = 20

_RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Prepared(msgspec.Struct, frozen=True, eq=False):
    """A document that may be executed, or the errors for which it may not.

    `bad_input` is set where the document itself is fine but a string literal in it is not acceptable. Errors are
    rendered already: a `GraphQLError` would keep the whole syntax tree alive.
    """

    document: DocumentNode | None = None
    measured: Measured = Measured()
    errors: tuple[RenderedError, ...] = ()
    bad_input: BadInput | None = None


class DocumentCache:
    """The prepared documents of one schema; bounded in number and in tokens, least recently used first out."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._ready: OrderedDict[bytes, Prepared] = OrderedDict()
        self._refused: OrderedDict[bytes, Prepared] = OrderedDict()
        self._tokens = 0

    def known(self, text: str) -> Prepared | None:
        """What is known of this text; None when it comes for the first time."""
        return self._known(_key(text))

    def _known(self, key: bytes) -> Prepared | None:
        for cache in (self._ready, self._refused):
            if (found := cache.get(key)) is not None:
                cache.move_to_end(key)
                return found
        return None

    def prepare(self, text: str) -> Prepared:
        """What is known of this text; parses, guards and validates it when it comes for the first time."""
        key = _key(text)
        if (found := self._known(key)) is not None:
            return found
        prepared = prepare(self._schema, text)
        if prepared.document is None:
            self._refused[key] = prepared
            if len(self._refused) > MAX_REFUSED:
                self._refused.popitem(last=False)
        else:
            self._keep(key, prepared, prepared.document)
        return prepared

    def _keep(self, key: bytes, prepared: Prepared, document: DocumentNode) -> None:
        self._ready[key] = prepared
        self._tokens += document.token_count or 0
        while len(self._ready) > MAX_DOCUMENTS or self._tokens > MAX_CACHED_TOKENS:
            _, oldest = self._ready.popitem(last=False)
            assert oldest.document is not None
            self._tokens -= oldest.document.token_count or 0
            forget_plans(oldest.document)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def prepare(schema: GraphQLSchema, text: str) -> Prepared:
    """Parse, guard and validate a text, without a cache. Never raises for anything a client can write."""
    try:
        return _prepare(schema, text)
    except RecursionError:  # graphql-core reports its own errors; this is a second check
        return Prepared(errors=(render_own(DocumentRefused("The document is nested too deeply.")),))


def _prepare(schema: GraphQLSchema, text: str) -> Prepared:
    try:
        document = parse(text, max_tokens=MAX_TOKENS, max_source_length=MAX_CHARACTERS)
    except GraphQLError as error:
        return Prepared(errors=(request_error(error, SYNTAX_ERROR),))
    try:
        measured = guard(document)
    except DocumentRefused as error:
        return Prepared(errors=(render_own(error),))
    found = _validate(schema, document)
    if found:
        return Prepared(measured=measured, errors=tuple(request_error(error, VALIDATION_FAILED) for error in found))
    try:
        check_literals(text, document)
    except BadInput as error:
        return Prepared(measured=measured, bad_input=error)
    return Prepared(document, measured)


def _validate(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    # No suggestions: "Did you mean" is introspection by guessing.
    rules: Any = _RULES
    return validate(schema, document, rules, max_errors=MAX_VALIDATION_ERRORS, hide_suggestions=True)
