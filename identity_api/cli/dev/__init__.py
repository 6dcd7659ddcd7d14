"""`identity-api dev`: everything on one machine, with a demo provider and a demo tenant, for evaluating and developing.

preflight.py      checks for what would make the start fail, before anything is made
start.py          the steps, in order
demo_tenant.py    what the demo tenant is, and when it is made
greeting.py       what is printed
"""
