"""Structure of source code: what copies share in every language, and what hostile text does."""

import resource

import pytest

from dolma_pipe import syntax
from dolma_pipe.syntax import LANGUAGES, subtree_hashes, subtree_sets

CODE = {
    "c": (
        "int sum(int *a, int n) {\n  int s = 0;\n  for (int i = 0; i < n; i++) {\n    s += a[i];\n"
        '  }\n  return s;\n}\n/* COMMENT */\nint main(void) { f("TEXT", 12); return sum(a, 3); }\n'
    ),
    "c#": (
        "class Sum {\n  int Total(int[] a) {\n    int s = 0;\n    foreach (var x in a) {\n"
        "      s += x;\n    }\n    return s;\n  }\n  // COMMENT\n"
        '  void Main() { Print("TEXT", 12); Total(a); }\n}\n'
    ),
    "go": (
        "package sum\n\nfunc total(a []int) int {\n\ts := 0\n\tfor _, x := range a {\n\t\ts += x\n"
        '\t}\n\treturn s\n}\n\n// COMMENT\nfunc main() { print("TEXT", 12); total(a) }\n'
    ),
    "java": (
        "class Sum {\n  int total(int[] a) {\n    int s = 0;\n    for (int x : a) {\n"
        "      s += x;\n    }\n    return s;\n  }\n  // COMMENT\n"
        '  void main() { print("TEXT", 12); total(a); }\n}\n'
    ),
    "javascript": (
        "function total(a) {\n  let s = 0;\n  for (const x of a) {\n    s += x;\n  }\n  return s;\n"
        '}\n// COMMENT\nfunction main() { print("TEXT", 12); total(a); }\n'
    ),
    "julia": (
        "function total(a)\n  s = 0\n  for x in a\n    s += x\n  end\n  return s\nend\n"
        '# COMMENT\nfunction main()\n  print("TEXT", 12)\n  total(a)\nend\n'
    ),
    "kotlin": (
        "fun total(a: List<Int>): Int {\n  var s = 0\n  for (x in a) {\n    s += x\n  }\n"
        '  return s\n}\n// COMMENT\nfun main() { print("TEXT", 12); total(a) }\n'
    ),
    "lua": (
        "function total(a)\n  local s = 0\n  for i, x in ipairs(a) do\n    s = s + x\n  end\n"
        '  return s\nend\n-- COMMENT\nfunction main() print("TEXT", 12) total(a) end\n'
    ),
    "php": (
        "<?php\nfunction total($a) {\n  $s = 0;\n  foreach ($a as $x) {\n    $s += $x;\n  }\n"
        '  return $s;\n}\n// COMMENT\nfunction main() { f("TEXT", 12); total($a); }\n'
    ),
    "python": (
        'def total(a):\n  """COMMENT"""\n  s = 0\n  for x in a:\n    s += x\n  return s\n\n\n'
        '# COMMENT\ndef main():\n  print("TEXT", 12)\n  total(a)\n'
    ),
    "r": (
        "total <- function(a) {\n  s <- 0\n  for (x in a) {\n    s <- s + x\n  }\n  return(s)\n}\n"
        '# COMMENT\nmain <- function() { f("TEXT", 12); total(a) }\n'
    ),
    "ruby": (
        "def total(a)\n  s = 0\n  a.each do |x|\n    s += x\n  end\n  return s\nend\n"
        '# COMMENT\ndef main\n  f("TEXT", 12)\n  total(a)\nend\n'
    ),
    "rust": (
        "fn total(a: &[i32]) -> i32 {\n    let mut s = 0;\n    for x in a {\n        s += x;\n"
        '    }\n    return s;\n}\n// COMMENT\nfn main() { f("TEXT", 12); total(a); }\n'
    ),
    "scala": (
        "object Sum {\n  def total(a: List[Int]): Int = {\n    var s = 0\n    for (x <- a) {\n"
        "      s += x\n    }\n    return s\n  }\n  // COMMENT\n"
        '  def main() = { print("TEXT", 12); total(a) }\n}\n'
    ),
    "swift": (
        "func total(a: [Int]) -> Int {\n  var s = 0\n  for x in a {\n    s += x\n  }\n  return s\n"
        '}\n// COMMENT\nfunc main() { print("TEXT", 12); total(a) }\n'
    ),
}
CODE["c++"] = CODE["c"]
CODE["typescript"] = CODE["tsx"] = CODE["javascript"]


def structure(text: str, language: str, nodes: int = 3) -> list[int]:
    found = subtree_hashes(text.encode(), language, nodes)
    assert found is not None
    assert 0 not in found
    assert found.tolist() == sorted(set(found.tolist()))
    return found.tolist()


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_values_comments_and_layout_do_not_count(language: str) -> None:
    text = CODE[language]
    renamed = text.replace("TEXT", "other \\n text").replace("12", "3456")
    renamed = renamed.replace("total", "gesamt").replace("main", "haupt").replace("COMMENT", "(((")
    spaced = text.replace("\n", "\n\n").replace(" = ", "  =  ").replace(", ", "  ,  ")
    for other in (renamed, spaced):
        assert other != text
        assert structure(other, language) == structure(text, language)
    assert len(structure(text, language)) > 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_program_has_other_subtrees(language: str) -> None:
    text = CODE[language]
    ours, theirs = (
        set(structure(text, language)),
        set(structure(text.replace("s += x", "f(x, 1)"), language)),
    )
    if language not in ("c", "c++", "lua", "r", "php"):
        assert ours != theirs
    everywhere = set(structure(text + text, language))
    assert len(ours & everywhere) > 0.5 * len(ours)


def test_what_is_said_apart_and_what_is_not() -> None:
    def one(text: str) -> list[int]:
        return structure(text, "python", 1)

    assert one("a + b") == one("c - d")  # operators are no named nodes
    assert one("f(1)") == one("f('x')") == one("g(None)")
    assert one("f(a)") != one("f(1)")
    assert one("x = 1\n'doc'\n") == one("x = 1\n")
    assert one("f(a)[b]") != one("f(a[b])")
    assert one("f'{a}'") != one("f'a'")


def test_c_and_cpp_share_hashes() -> None:
    shared = set(structure(CODE["c"], "c")) & set(structure(CODE["c"], "c++"))
    assert len(shared) > 0.6 * len(structure(CODE["c"], "c"))


def test_nodes_is_the_least_size() -> None:
    """module, expression statement or call, identifier, argument list, identifier."""
    sizes = [len(structure("f(a)", "python", nodes)) for nodes in range(1, 8)]
    assert sizes[0] == sizes[1] + 1  # a lone identifier
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (b"", "python"),
        (b"x = 1", "brainfuck"),
        (b"x = 1", None),
        (b"x = 1 #" + b"#" * (1 << 17), "python"),
        (b"\x00\xff\xfe\x01" * 1000, "python"),
        (b"(" * 100_000, "python"),
        (b"[" * 50_000 + b"]" * 50_000, "javascript"),
        (b"a<" * 60_000, "java"),
        (b"[" * 30_000, "lua"),
        (b"~" * 40_000, "lua"),
        (b"val x=" + b"/*" * 60_000, "kotlin"),
        (b"let x=" + b"#" * 120_000, "swift"),
        (b"var a=1;" * 125_000, "javascript"),
    ],
    ids=range(13),
)
def test_what_has_no_structure(text: bytes, language: str | None) -> None:
    assert subtree_hashes(text, language, 8) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (b"int f(){return " + b"-" * 130_000 + b"x;}", "c"),
        (b"x = " + b"not " * 30_000 + b"a", "python"),
        (b"x=" + b"!" * 130_000 + b"a", "javascript"),
        (b"fn f(){x" + b"?" * 65_000 + b"}", "rust"),
        (b"x=" + b"a." * 60_000 + b"a", "python"),
        (b"x=" + b"a?b:" * 30_000 + b"a", "javascript"),
    ],
    ids=range(6),
)
def test_deep_trees_need_no_recursion_of_ours_and_a_large_stack_of_theirs(
    text: bytes, language: str
) -> None:
    found = subtree_hashes(text, language, 8)
    assert found is None or len(found) > 0


def test_one_line_of_minified_code() -> None:
    text = b"".join(b"function f%d(a,b){return a[%d]+b.c(d)}" % (i, i) for i in range(3000))
    assert len(text) < 1 << 17
    found = subtree_hashes(text, "javascript", 8)
    assert found is not None
    assert 1 < len(found) < 10


def test_a_few_errors_are_no_obstacle_and_many_are() -> None:
    code = CODE["python"] * 4
    few, many = code + "\n)) ?\n", code + "\n" + ") ? ]" * 200
    assert subtree_hashes(few.encode(), "python", 8) is not None
    assert subtree_hashes(many.encode(), "python", 8) is None


def test_a_batch_keeps_its_order() -> None:
    texts = [CODE["python"].encode(), b"", CODE["go"].encode()]
    found = subtree_sets(texts, ["python", "python", "go"], 3)
    assert found[1] is None
    for i in (0, 2):
        one, again = found[i], subtree_hashes(texts[i], ["python", "", "go"][i], 3)
        assert one is not None
        assert again is not None
        assert one.tolist() == again.tolist()
    assert subtree_sets([], [], 8) == []


def test_every_grammar_loads() -> None:
    for language in syntax.GRAMMARS:
        assert syntax.parsed(b"x", language) is not None


def test_memory_that_hostile_text_takes_is_given_back() -> None:
    """py-tree-sitter keeps what it reads while it looks for the end of an error: 500 MB each."""
    text = b"~" * 32_000
    syntax.parsed(text, "lua")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        syntax.parsed(text, "lua")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10
