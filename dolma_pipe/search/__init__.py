"""Searching corpora for words or a regular expression, at the speed of decompression.

files.py      PATHS as the files that are searched
query.py      what is looked for, and in which field
required.py   strings that a match of a regular expression must have in it
spellings.py  how JSON and letter case may spell a character
sieve.py      lines of JSONL that can match, found without parsing any
blocks.py     a stream as blocks of whole lines
shard.py      one file searched
lines.py      what is printed of a match
run.py        many files, in their order, by one process or several
"""
