"""Contents of the exercises: one module for each part, holding ``EXERCISES`` and ``PREDICTIONS``."""
