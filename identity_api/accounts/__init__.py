"""Users and identities: whose account a verified answer of a provider is, and what admins do to one.

`provisioning.provision` finds or makes user and identity at a login, by the provider's policy (design 6); `names` says
which username a new user gets. `administration` is what an admin does to a user.
"""
