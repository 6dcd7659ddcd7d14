"""Speed, as ratios to floors measured in the same run: `make bench`.

Absolute figures belong to the machine that made them; a ratio within one run says something about the code.
"""
