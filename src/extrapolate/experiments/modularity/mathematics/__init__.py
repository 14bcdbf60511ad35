"""School mathematics answered by one network a module, and masks learned on easy problems: are they general?"""
