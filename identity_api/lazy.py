"""An attribute computed when it is first read: `functools.cached_property` without the lock of Python 3.11.

For objects that one request, in one thread, reads.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

ValueT = TypeVar("ValueT")


class lazy(Generic[ValueT]):  # used as a decorator, as `property` is
    """For classes whose objects have a `__dict__`, where the value takes the attribute's place."""

    def __init__(self, make: Callable[[Any], ValueT]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> ValueT:
        value = instance.__dict__[self._name] = self._make(instance)
        return value
