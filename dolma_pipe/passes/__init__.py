"""The passes of a run, one file each: what is to do, what is done already, and what came of it."""
