"""From a file to numeric columns: file format, cells, missing values, and the split into inner and outer rows."""
