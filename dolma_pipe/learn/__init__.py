"""Classifiers of one's own: from folders of good and bad documents to a fastText model, with the
measures that tell what it is worth."""
