"""Read a table from a file: format, cells, missing values, and the split into inner and outer rows."""
