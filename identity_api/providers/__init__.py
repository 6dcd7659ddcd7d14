"""A tenant's providers: declare, check, change, test.

declaration            the settings of a provider, from a file or an admin
checks, rules          checks of the settings, and who may change which of them
provider_row           from the declaration to the row and back
administration         create and change; activation: enable, disable, delete
secrets, client_keys   credentials for client authentication
consequences           what ends and is decided again for the provider's people; effects: that in words
presets                settings that all customers of a vendor share
self_test              tests that need no person to sign in
onboarding             the state of the set-up, and which values to enter where
shared_redirects       who may share a redirect URL
"""
