"""Programming languages by name, by file extension and by file name.

A small part of github-linguist's table (lib/linguist/languages.yml), of which StarCoder and The
Stack take their languages, too; names are linguist's in lower case. Where an extension belongs to
several languages, the one that is common on GitHub has it (.h is C).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

EXTENSIONS = {
    "ada": "adb ads",
    "assembly": "asm s nasm",
    "awk": "awk",
    "batchfile": "bat cmd",
    "c": "c h",
    "c#": "cs csx",
    "c++": "cpp cc cxx hpp hh hxx ipp tpp inl",
    "clojure": "clj cljs cljc edn",
    "cmake": "cmake",
    "cobol": "cbl cob",
    "coffeescript": "coffee",
    "common lisp": "lisp lsp",
    "css": "css",
    "csv": "csv tsv",
    "cuda": "cu cuh",
    "cython": "pyx pxd",
    "dart": "dart",
    "diff": "diff patch",
    "dockerfile": "dockerfile",
    "elixir": "ex exs",
    "elm": "elm",
    "emacs lisp": "el",
    "erlang": "erl hrl",
    "f#": "fs fsi fsx",
    "fortran": "f f77 f90 f95 f03 f08 for",
    "glsl": "glsl vert frag",
    "go": "go",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "hcl": "hcl tf",
    "html": "html htm xhtml",
    "ini": "ini cfg",
    "java": "java",
    "javascript": "js mjs cjs jsx",
    "json": "json jsonl geojson",
    "julia": "jl",
    "jupyter notebook": "ipynb",
    "kotlin": "kt kts",
    "less": "less",
    "lua": "lua",
    "makefile": "mk mak",
    "markdown": "md markdown",
    "matlab": "matlab",
    "nim": "nim",
    "nix": "nix",
    "objective-c": "m mm",
    "ocaml": "ml mli",
    "pascal": "pas pp dpr",
    "perl": "pl pm",
    "php": "php phtml",
    "powershell": "ps1 psm1 psd1",
    "prolog": "prolog",
    "protocol buffer": "proto",
    "python": "py pyi pyw",
    "r": "r rmd",
    "racket": "rkt",
    "restructuredtext": "rst",
    "ruby": "rb rake gemspec",
    "rust": "rs",
    "sass": "sass",
    "scala": "scala sbt sc",
    "scheme": "scm ss",
    "scss": "scss",
    "shell": "sh bash zsh ksh",
    "solidity": "sol",
    "sql": "sql",
    "svg": "svg",
    "swift": "swift",
    "tcl": "tcl",
    "tex": "tex sty cls",
    "text": "txt",
    "thrift": "thrift",
    "toml": "toml",
    "typescript": "ts mts cts",
    "tsx": "tsx",
    "verilog": "v sv svh",
    "vhdl": "vhd vhdl",
    "vim script": "vim",
    "visual basic .net": "vb",
    "vue": "vue",
    "xml": "xml xsd xsl xslt wsdl plist",
    "yaml": "yml yaml",
    "zig": "zig",
}
"""Extensions of each language, without the dot."""

FILE_NAMES = {
    "cmakelists.txt": "cmake",
    "dockerfile": "dockerfile",
    "gemfile": "ruby",
    "gnumakefile": "makefile",
    "jenkinsfile": "groovy",
    "makefile": "makefile",
    "rakefile": "ruby",
    "vagrantfile": "ruby",
}
ALIASES = {
    "bash": "shell",
    "c-sharp": "c#",
    "cplusplus": "c++",
    "cpp": "c++",
    "csharp": "c#",
    "golang": "go",
    "jsx": "javascript",
    "jupyter-notebook": "jupyter notebook",
    "objc": "objective-c",
    "python3": "python",
    "sh": "shell",
    "terraform": "hcl",
    "vba": "visual basic .net",
    "visual-basic": "visual basic .net",
}
NAMES = tuple(EXTENSIONS)

_BY_EXTENSION = {end: name for name, ends in EXTENSIONS.items() for end in ends.split()}
_LONGEST = 4096


@lru_cache(1 << 16)
def language_of(written: str) -> str | None:
    """The language of this name ("Python", "C++"), extension (".py") or path ("src/main.rs", also
    the path of a URL); None if it is in no table."""
    plain = written.strip().lower()
    if plain in EXTENSIONS or plain in ALIASES:
        return ALIASES.get(plain, plain)
    path = plain.split("?", 1)[0].split("#", 1)[0]
    if "://" in path:
        path = path.split("://", 1)[1].partition("/")[2]
    last = path.replace("\\", "/").rsplit("/", 1)[-1]
    if last in FILE_NAMES:
        return FILE_NAMES[last]
    return _BY_EXTENSION.get(last.rsplit(".", 1)[1]) if "." in last else None


def language_from(values: Iterable[Any]) -> str | None:
    """Of the first value that names a language."""
    for value in values:
        if isinstance(value, str) and 0 < len(value) <= _LONGEST:
            found = language_of(value)
            if found is not None:
                return found
    return None
