"""`make soak`: people at work on real processes for a long time, faults at random, and what must hold at the end."""
