"""Open streams: who is woken by what has changed, and how results become server-sent events.

Knows neither GraphQL nor HTTP: the wiring says what a stream reads when it is woken.
"""
