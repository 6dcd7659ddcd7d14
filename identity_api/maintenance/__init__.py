"""What is done for the installation and for nobody in particular: the audit chain, and the rotation of keys."""
