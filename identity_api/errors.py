"""The root of every error this project raises on purpose.

    IdentityAPIError            .code (stable, for programs), .message (one sentence, for people)
    ├── ConfigurationError      settings or declarations are wrong; .problems lists all of them
    ├── Unavailable             a part we need (database, queue, provider) does not answer; trying again may help
    │   ├── Overloaded          it would answer, and there is more to do than can be done
    │   └── CannotWrite         the database answers, and takes no change: its disk is full, or it is read-only
    ├── BadInput                a value given to us is not acceptable; .field where one is to blame
    │   └── SeveralProblems     several values of one input, or changes of one set; .problems has each with its path
    ├── NotFound                there is no such thing, or none that the caller may know of
    ├── Refused                 understood, and not allowed; the code says which rule refused
    ├── Conflict                something changed in between; read again and retry
    │   └── LimitReached        the tenant has as many of something as it may have; .limit names the setting
    ├── oidc.errors.ProtocolError        what a provider or a browser sent breaks the protocol; .claim
    ├── upstream.errors.UpstreamError    an outbound request failed; .sent says whether anything left us
    ├── vault.VaultError                 a sealed value cannot be opened
    ├── embedded.errors.EmbeddedError    an embedded service cannot be started
    ├── db.migration_errors.MigrationFailed  the database refuses a migration, which is rolled back
    └── sessions.errors.LoginFailed      a login ended without a session

Messages never hold a secret, a token, a provider's free text or an internal path. Adapters translate library errors at
their border, so that no caller needs to know which library is beneath.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple, TypeVar, cast

ValueT = TypeVar("ValueT")


class IdentityAPIError(Exception):
    """An error with a stable code and a sentence a person can act on."""

    default_code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code


class ConfigurationError(IdentityAPIError):
    """Settings or a declaration file cannot be used. `problems` lists every one found; none holds a secret."""

    default_code = "CONFIGURATION"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Unavailable(IdentityAPIError):
    """A part that is needed does not answer now. `retry_after_seconds` is a hint for the caller."""

    default_code = "UNAVAILABLE"

    def __init__(self, message: str, *, code: str | None = None, retry_after_seconds: int = 1) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Unavailable):
    """More to do than can be done at the moment; no part is down. The message is fit for anybody."""

    default_code = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("There is more to do than can be done at the moment. Try again shortly.")


class CannotWrite(Unavailable):
    """The database answers and takes no change; what only reads goes on. The message is fit for anybody."""

    default_code = "DATABASE_CANNOT_WRITE"

    def __init__(self) -> None:
        super().__init__("Nothing can be changed at the moment. Try again later.", retry_after_seconds=10)


class BadInput(IdentityAPIError):
    """A value is not acceptable; `field` names it where one value is to blame."""

    default_code = "BAD_INPUT"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Located(NamedTuple):
    """A problem, and where in the input it is: `changes.3.createGroupMapping.pattern`."""

    path: str
    error: IdentityAPIError


class SeveralProblems(BadInput):
    """Several values of an input, or changes of a set, are not acceptable; nothing was done. The code is the first one's."""

    def __init__(self, problems: Sequence[Located]) -> None:
        self.problems = tuple(problems)
        first, others = problems[0], len(problems) - 1
        more = f" There {'is' if others == 1 else 'are'} {others} more." if others else ""
        super().__init__(f"{first.path}: {first.error.message}{more}", code=first.error.code, field=first.path)


class NotFound(IdentityAPIError):
    """No such thing within the caller's tenant. Another tenant's thing gives the same answer (I2). `field` names the value
    where one names nothing.
    """

    default_code = "NOT_FOUND"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Refused(IdentityAPIError):
    """Understood, and not allowed; `code` names the rule."""

    default_code = "FORBIDDEN"


class Conflict(IdentityAPIError):
    """The thing changed since the caller read it, or stands in the way; `current_version` where it has versions."""

    default_code = "CONFLICT"

    def __init__(self, message: str, *, code: str | None = None, current_version: int | None = None) -> None:
        super().__init__(message, code=code)
        self.current_version = current_version


class LimitReached(Conflict):
    """There are as many as one tenant, provider or user may have. `limit` is the setting's name, `value` its value."""

    default_code = "LIMIT_REACHED"

    def __init__(self, message: str, *, limit: str, value: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.value = value


class Problems:
    """Gathers what is wrong with the values of an input, so that all of it is told at once.

    Args:
        found: problems so far that name their field.
    """

    def __init__(self, found: Iterable[BadInput] = ()) -> None:
        self.found = [Located(one.field or "", one) for one in found]

    def read(self, path: str, value: Callable[[], ValueT]) -> ValueT:
        """A value of the input. If it is not acceptable, the problem is kept, and what is returned must not be used.

        Args:
            path: where in the input it is, for a problem that does not name a field itself.
        """
        try:
            return value()
        except (BadInput, NotFound) as error:
            self.keep(path, error)
        return cast("ValueT", None)

    def keep(self, path: str, error: BadInput | NotFound) -> None:
        """Keep a problem, or each of several."""
        if isinstance(error, SeveralProblems):
            self.found += error.problems
        else:
            if isinstance(error, NotFound):
                error.field = error.field or path
            self.found.append(Located(error.field or path, error))

    def tell(self) -> None:
        """Raise what was found wrong: nothing for none, the problem itself for one, `SeveralProblems` for more."""
        if len(self.found) > 1:
            raise SeveralProblems(self.found)
        for one in self.found:
            raise one.error
