"""Logins at providers with which more than usual is agreed on."""
