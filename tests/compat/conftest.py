"""The same application, provider and tenant as in tests/web, for rows that need the whole road of a login."""

from tests.web import conftest as web

idp, environ, settings, app, vault, site = web.idp, web.environ, web.settings, web.app, web.vault, web.site
