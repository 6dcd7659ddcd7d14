"""A tenant's providers: declare, check, change, test.

declaration         what may be said of a provider, by a file or by an admin
checks, rules       what must hold of it, and who may decide whose word counts
provider_row        from the declaration to the row and back
administration      made, changed; activation: enabled, disabled, deleted; secrets, client_keys: how we prove who we are
consequences        what a change means for the people there
presets             what a vendor's customers have in common
self_test           what can be found out without a person
onboarding          how far the set-up is, and what to enter where
shared_redirects    who may share a redirect URL
"""
