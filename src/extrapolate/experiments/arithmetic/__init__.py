"""Units and small networks that learn arithmetic."""
