"""Searching corpora for words or a regular expression, at the speed of decompression.

files.py      PATHS as the files that are searched
query.py      what is looked for, and in which field
automaton.py  a regular expression as a table, by which kernels find what may match
blocks.py     a stream as blocks of whole lines, and those that may match, unparsed
shard.py      one file searched
fields.py     whether documents have the field at all
lines.py      what is printed of a match
run.py        many files, in their order, by one process or several
"""
