"""Field access rules, checked by both the ordinary and the compiled execution.

A permission class would make a field need a resolver call; a rule is one function of the source object and the
request's context, so compiled completion can call it inline before reading the attribute.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.types import Info

from identity_api.errors import Refused


class AccessRule(FieldExtension):
    """May this request see this field of this object?

    `allows(source, context)` must be synchronous, free of effects and cheap: it is asked once per object, and once more
    where compiled completion has stepped aside. `allows_all(context)` may say beforehand that it will say yes to every
    object, and is asked once per list. A "no" makes the field an error with code `code`. A refused field sends
    its whole object through the ordinary execution, so what is refused for the request as a whole belongs on the root
    field instead.
    """

    def __init__(
        self,
        allows: Callable[[Any, Any], bool],
        message: str = "You may not see this.",
        *,
        code: str | None = None,
        allows_all: Callable[[Any], bool] = lambda context: False,
    ) -> None:
        self.allows = allows
        self.allows_all = allows_all
        self.message = message
        self.code = code

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        """Ask, then read.

        Raises:
            Refused: the rule says no.
        """
        self.ask(source, info)
        return next_(source, info, **kwargs)

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any) -> Any:
        """The same for a field whose resolver is a coroutine function."""
        self.ask(source, info)
        return await next_(source, info, **kwargs)

    def ask(self, source: Any, info: Info) -> None:
        """Raises Refused: the rule says no."""
        if not self.allows(source, info.context):
            raise Refused(self.message, code=self.code)
