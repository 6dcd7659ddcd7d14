"""Providers, their tests and failed logins, and the onboarding checklist: queries and mutations."""
