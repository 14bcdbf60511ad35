"""Search for a formula: candidates from linear algebra, a dictionary and networks; their score; the certificate."""
