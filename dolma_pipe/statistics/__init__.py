"""Corpus statistics: what WIMBD tells (Elazar et al. 2024), in one pass and bounded memory.

settings.py     what is counted, and how memory is divided
corpora.py      what the command line names: corpora and their shards, with runs.py
opened.py       a shard as it is stored, or as the deduplication of a run left it
frequencies.py  keys counted as they come
summary.py      how often they occur: exact while they fit, told with bounds after
lengths.py      histograms of lengths
shard.py        the task of one shard, with keys.py and scores.py
measure.py      the driver: partial results merged in the order of shards
texts.py        the texts behind keys, read again where they stand
told.py         the result                overlap.py, contamination.py    corpora and evaluations
table.py, page.py   the result for people
"""
