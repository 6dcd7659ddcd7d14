"""The context of a request as the engine needs it. The project's own context has more."""

from typing import Protocol


class GraphQLContext(Protocol):
    """The context value that resolvers and access rules receive."""

    @property
    def request_id(self) -> str:
        """The id that masked errors and log lines carry."""
        ...

    @property
    def introspection_allowed(self) -> bool:
        """Whether `__schema` and `__type` may be asked (OWASP ASVS 4.3.2: not by everybody)."""
        ...
