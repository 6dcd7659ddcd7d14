"""What several use cases need done to each other's rows, always in the caller's transaction.

`grants`: apply what the one deciding query says. `memberships`: write a provider's groups for identities.
`end_login`: the one kill chain. `audit_chain`: seal and verify the audit.
"""
