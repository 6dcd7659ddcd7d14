"""Share one process between many tenants: record the tenant of each task, and divide the event loop between tenants.

served        which tenants have a request under way
time_slices   long work, a slice at a time
holders       the tenant of a recently seen token, before the token is looked up
gate          one request at a time of a tenant that has used more than its share
"""
