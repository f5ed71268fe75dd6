"""A recipe to begin with, for documents that somebody has.

groups.py   the files of PATHS as sources
strays.py   files called .json that are no documents
tables.py   which columns of a table are text, id and date
look.py     what a sample of each source looks like
text.py     the recipe with its comments
"""
