"""The demo provider over real HTTP: every rule of the protocol it claims, and its pages."""
