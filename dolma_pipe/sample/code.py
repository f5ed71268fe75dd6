"""The `code` source: Python files of the standard library and of site-packages."""

from itertools import chain

from dolma_pipe.sample.document import Document, choose
from dolma_pipe.sample.library import Packages, site_packages, standard_library


def code_documents(packages: Packages, budget: int) -> list[Document]:
    """Whole .py files, about budget bytes of them."""
    files = chain(standard_library(), site_packages(packages))
    return choose((file for file in files if file.path.endswith(".py")), budget)
