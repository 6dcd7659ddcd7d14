"""Each provider guide, followed word for word against an imitation of its vendor over HTTP.

The declaration shown in the guide is applied, the self-test passes, a person signs in, is synced where the vendor gives
refresh tokens, and signs out. Only the vendor's origin is replaced by the imitation's.
"""
