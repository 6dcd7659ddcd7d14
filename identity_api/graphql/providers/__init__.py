"""Providers, their tests and failures, and the onboarding checklist: what can be asked and changed."""
