"""A module for `dolma tag`: its language tagger with a model on this disk, not a download."""

import os

from dolma import add_tagger
from dolma.taggers.language import FastTextEnglishLanguageDocumentTagger


@add_tagger("ft_lid_en")
class LocalEnglish(FastTextEnglishLanguageDocumentTagger):
    MODEL_PATH = os.environ["LID_MODEL"]
