"""Contents of the exercises, one module for each part: ``EXERCISES`` and ``PREDICTIONS``."""
