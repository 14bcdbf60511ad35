"""Neural GPUs that learn algorithms."""
