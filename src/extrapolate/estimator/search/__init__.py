"""The search for a formula: candidates from algebra, a dictionary and networks; their score; the certificate."""
