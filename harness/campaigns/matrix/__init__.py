"""Many drills as one question: which ways of backing up survive which disasters?"""
