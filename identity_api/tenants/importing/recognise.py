"""Find which system a file is from. Each form has a mark that no other has, so the operator need not name it."""

from collections.abc import Mapping
from typing import Any, Final

from identity_api.errors import ConfigurationError
from identity_api.tenants.importing.documents import (
    looks_like_variables,
    read_environment,
    read_json,
    read_toml,
)
from identity_api.tenants.importing.federated_directory import read_federated_directory
from identity_api.tenants.importing.form import Imported, Target
from identity_api.tenants.importing.inference import PREFIX, read_inference, read_inference_environment
from identity_api.tenants.importing.infrahub import read_infrahub
from identity_api.tenants.importing.reinfer import read_reinfer
from identity_api.tenants.importing.sysreptor import CLIENTS, DEFAULT_PROVIDER, read_sysreptor

_NO_FORM: Final = (
    "This is not a file of one of the five systems. What is imported: a TOML file with [[reinfer]] tables (Re:infer), with"
    " [[federated_directory]] tables (Federated Directory) or with [security] (Infrahub); JSON with `tenant_id` or"
    f" `oidc_issuer` (Inference API) or with Authlib clients (SysReptor); variables {PREFIX}*, INFRAHUB_* or {CLIENTS}."
    " A declaration of this service is made with `apply`."
)


def read_any(document: bytes, target: Target) -> Imported:
    """Read a file of any of the five systems.

    Args:
        document: the file's content.
        target: the command's options. The forms of Infrahub and SysReptor and variables name no tenant; for a form of
            one tenant that names it, the option counts instead.

    Raises:
        ConfigurationError: it is not from one of them, or has problems, or a target is needed.
    """
    if document.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and (content := _json(document)) is not None:
        if _is_inference(content):
            return read_inference(document, target=target)
        return read_sysreptor(target, document)
    try:
        content = read_toml(document)
    except ConfigurationError as no_toml:
        try:
            environ = read_environment(document)
        except ConfigurationError as no_variables:
            if looks_like_variables(document):
                raise no_variables from None
            # It is unknown which of the two it was meant to be, so the problems as both are reported.
            both = [f"As a file of NAME=value lines: {problem}" for problem in no_variables.problems[:3]]
            raise ConfigurationError([*no_toml.problems, *both]) from None
        return _from_environment(environ, target)
    if "reinfer" in content:
        return read_reinfer(document, target)
    if "federated_directory" in content:
        return read_federated_directory(document, target)
    if "security" in content:
        return read_infrahub(target, document=document)
    try:
        environ = read_environment(document)
    except ConfigurationError:
        raise ConfigurationError([_NO_FORM]) from None
    return _from_environment(environ, target)


def read_variables(environ: Mapping[str, str], target: Target, *, document: bytes | None = None) -> Imported:
    """Read the environment variables of a process of the old system.

    Args:
        environ: of a process; variables of other programs are ignored.
        document: Infrahub's TOML, over which its variables win.

    Raises:
        ConfigurationError: as `read_any`.
    """
    if document is not None and looks_like_variables(document):
        raise ConfigurationError(
            [
                "The file beside --environment is Infrahub's TOML, and this is a file of variables. Import it without"
                " --environment: `identity-api import FILE --tenant SLUG`."
            ]
        )
    if document is not None:
        return read_infrahub(target, document=document, environ=environ)
    return _from_environment(environ, target)


def _json(document: bytes) -> Any:
    """The JSON document, or None if it may still be TOML, whose tables begin with a bracket too."""
    try:
        return read_json(document)
    except ConfigurationError:
        if document.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            raise
        return None


def _is_inference(content: Any) -> bool:
    """A list of tenants, a tenant, or the five keys alone, as its guides for single providers print them."""
    is_one = isinstance(content, dict) and ("tenant_id" in content or "oidc_issuer" in content)
    return is_one or isinstance(content, list)


def _from_environment(environ: Mapping[str, str], target: Target) -> Imported:
    if any(name.upper().startswith("INFRAHUB_") for name in environ):
        return read_infrahub(target, environ=environ)
    if any(name.startswith(PREFIX) for name in environ):
        return read_inference_environment(target, environ)
    if CLIENTS in environ:
        return read_sysreptor(target, environ[CLIENTS].encode(), default_provider=environ.get(DEFAULT_PROVIDER) or None)
    raise ConfigurationError([_NO_FORM])
