"""The record of every change, as administrators who may read it see it."""
