"""Two more tenants beside the demo's, with its provider: logins begin on a host of theirs and end at another one.

The provider only knows the redirect URL on 127.0.0.1, so every login hops there and back, as where one redirect URL
serves many tenants. Everybody in `identity-admins` holds every permission of both.
"""

from identity_api.permissions.service import SERVICE_PERMISSIONS
from tests.flows.product import Product

HOSTS = {"acme": "a.localhost", "globex": "b.localhost"}
FRONTEND = "http://127.0.0.1:9"
RETURN_URL = f"{FRONTEND}/done"
"""Nobody listens there: browsers of the tests stop before they open it."""

_TENANT = """
[[tenants]]
slug = "{slug}"
name = "{name}"
hosts = ["{host}"]
default_provider = "demo"

[[tenants.frontends]]
slug = "app"
origins = ["{frontend}"]
return_urls = ["{return_url}"]
deliveries = ["cookie", "code", "fragment"]

[[tenants.permissions]]
name = "docs:read"

[[tenants.permissions]]
name = "docs:write"

[[tenants.providers]]
slug = "demo"
label = "Demo provider"
issuer = "{product.demo_url}"
client_id = "identity-api"
client_secret_file = "demo-client-secret"
redirect_url = "{product.url}/auth/oidc/demo/callback"
groups_claim = "groups"
absent_groups = "EMPTY"

[[tenants.group_mappings]]
group = "engineering"
permissions = ["docs:read"]

[[tenants.group_mappings]]
provider = "demo"
group = "identity-admins"
permissions = [{everything}]
"""


def declare(product: Product) -> None:
    """Make both tenants."""
    everything = ", ".join([f'"{name}"' for name in SERVICE_PERMISSIONS])
    tenants = [
        _TENANT.format(
            slug=slug,
            name=slug.title(),
            host=host,
            frontend=FRONTEND,
            return_url=RETURN_URL,
            product=product,
            everything=everything,
        )
        for slug, host in HOSTS.items()
    ]
    product.apply("".join(tenants))
