"""Changes to people and grants that several use cases share, always in the caller's transaction.

apply_verified     writes what a provider's verified answer says of a person: profile, groups, grants, leases
memberships        writes a provider's groups for its identities
mapping_matches    finds which mappings match which groups
emptied_mappings   reports a mapping that has lost its last member
grants             applies the result of the one deciding query
end_login          ends what depends on a login
"""
