"""A network that learns one permutation of the digits' pixels after another: does it use old weights again?"""
