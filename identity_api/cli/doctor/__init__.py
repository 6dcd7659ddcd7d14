"""`identity-api doctor`: what is wrong with an installation, and what to do about it.

finding.py      one line of the answer
examine.py      the parts, in the order in which they depend on each other
storage.py      database, schema, clock, worker; Redis
secrets.py      key ring, client secrets that end
providers.py    discovery, issuer and keys of each provider, through the same checks as a login
network.py      the API's own notices, proxies
"""
