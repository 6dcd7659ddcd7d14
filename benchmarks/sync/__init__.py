"""`make bench-sync`: how many identities a second one worker on one core syncs, and where its time goes.

__main__   the modes, one after the other, and the table
data       tenants, providers and people, in the product's own schema
provider   a token endpoint that costs as little as can be, on the other core with the database
worker     the product's sweep in a process of its own, measured
floor      the same requests and signature checks, and nothing else
split      which part of a sync the processor's time went to
"""
