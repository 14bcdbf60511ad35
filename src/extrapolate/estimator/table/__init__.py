"""From a file to numeric columns: its format, its cells, its missing values, the split into two parts."""
