"""Tasks on long documents, made by rule: counts of words (CWE) and excerpts across parts (REX)."""
