"""A formula: its structure, its constants, how it is printed and saved."""
