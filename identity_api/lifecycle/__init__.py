"""What several use cases do to each other's rows, always in the caller's transaction.

verified      what a provider verifiably says of a person is written: profile, groups, grants, leases
memberships   a provider's groups for its identities
matching      which mappings match which groups
emptied_mappings    a mapping that has lost its last member is told
grants        what the one deciding query says, applied
end_login     what ends when a login is over
"""
