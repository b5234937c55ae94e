"""Data that needs no download: generated tasks, and images that ship with scikit-learn."""
