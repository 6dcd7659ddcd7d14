"""Edits that concern everybody of a large tenant, and what they cost those who ask for something meanwhile."""
