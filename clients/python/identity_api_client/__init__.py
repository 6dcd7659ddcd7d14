"""What a bearer token stands for, for backends.

Introspector      asks the service, and keeps its answer for a moment
Caller            whose token it is, and what they may do
Unauthenticated   401: no token, or none that is active
NotAllowed        403: a permission is missing; 401 where a new proof of the person is (RFC 9470)
"""

from identity_api_client.caller import Caller
from identity_api_client.errors import IdentityError, NotAllowed, Unauthenticated
from identity_api_client.introspector import Introspector

__all__ = ["Caller", "IdentityError", "Introspector", "NotAllowed", "Unauthenticated"]
