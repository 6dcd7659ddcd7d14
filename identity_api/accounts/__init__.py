"""Users and identities: which account belongs to a verified login, and how admins manage accounts.

`provisioning.provision` finds or makes user and identity at a login, by the provider's policy; `names` chooses the
username of a new user. `administration` has an admin's actions on a user.

Local users: `local` makes and renames them, `local_passwords` sets, changes and removes passwords, `second_factor` manages
one-time codes; `credentials` checks a password and code, for every use case that asks for them; `local_policy` sets what
the operator allows a tenant, `local_rules` checks who may change which account. These use `passwords` (argon2id),
`password_rules`, `totp` (RFC 6238), `deps` and `errors`.
"""
