"""The record of every change, for administrators who may read it."""
