"""Users and identities: whose account a verified answer of a provider is, and what admins do to one.

`provisioning.provision` finds or makes user and identity at a login, by the provider's policy; `names` says
which username a new user gets. `administration` is what an admin does to a user.

Users that are kept by hand: `local` makes and renames them, `local_passwords` sets, changes and removes passwords,
`second_factor` one-time codes; `credentials` answers whether what somebody typed is right, wherever that is asked;
`local_policy` is the operator's word on all of it, `local_rules` who may. Beneath: `passwords` (argon2id), `password_rules`,
`totp` (RFC 6238), `deps`, `errors`.
"""
