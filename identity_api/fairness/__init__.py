"""One process serves many tenants: whom each task works for, and how the event loop is shared between them.

served    whose requests are being served now
slices    long work, a slice at a time
holders   whose a token was, before it is looked up
gate      of a tenant that has used up its part, one request at a time
"""
