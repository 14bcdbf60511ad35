"""Commands carried out by one network, and masks learned on the commands of one split: are its parts general?"""
