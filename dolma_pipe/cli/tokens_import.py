"""`dolma-pipe tokens import`: token arrays of other tools become ours."""

from pathlib import Path

import click

from dolma_pipe.cli.options import json_option, show_json


@click.command("import")
@click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--tokenizer", required=True, help="That made them: a named asset or a path.")
@click.option("--dtype", type=click.Choice(["uint16", "uint32"]), help="Of ids without a header.")
@click.option("--eos", "eos_id", type=click.IntRange(0), help="End of text, if not the usual id.")
@click.option("--eos-first", is_flag=True, help="It stands before each document, not after it.")
@click.option("--add-eos", is_flag=True, help="Give documents without an end of text theirs.")
@click.option("--source", help="Name of the one source [default: the folder's name].")
@click.option(
    "--max-shard-tokens", type=click.IntRange(1), default=1 << 29, show_default=True, metavar="N"
)
@json_option
def command(
    paths: tuple[Path, ...],
    out: Path,
    tokenizer: str,
    dtype: str | None,
    eos_id: int | None,
    eos_first: bool,
    add_eos: bool,
    source: str | None,
    max_shard_tokens: int,
    as_json: bool,
) -> None:
    """Copy arrays of other tools (files or folders) to the new folder OUT, checked, with manifest.

    Read are raw ids with or without dolma's .csv.gz, .npy, llm.c's .bin, Megatron's .bin and .idx;
    nothing is changed in PATH. Each folder below PATH is a source.
    """
    from dolma_pipe.errors import TokensError
    from dolma_pipe.tokenizer import load_tokenizer
    from dolma_pipe.tokens import (
        ImportSettings,
        TokenizerStamp,
        Vocabulary,
        find_arrays,
        import_arrays,
    )

    if source is not None and (Path(source).name != source or source.startswith(".")):
        raise TokensError(f"--source {source}: a source is named like a folder")
    reader = load_tokenizer(tokenizer)
    vocabulary = Vocabulary(
        tokenizer=TokenizerStamp(name=reader.name, sha256=reader.sha256),
        size=reader.vocab_size,
        eos_id=reader.eos_id if eos_id is None else eos_id,
        pad_id=reader.pad_id,
        token_bytes=reader.token_bytes(),
        tokenizer_json=reader.content,
    )
    settings = ImportSettings(
        dtype=dtype, eos_first=eos_first, add_eos=add_eos, max_shard_tokens=max_shard_tokens
    )
    manifest, notes = import_arrays(find_arrays(paths, source), out, vocabulary, settings)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        show_json(manifest)
        return
    click.echo(f"{out}: {manifest.documents} documents, {manifest.tokens} tokens")
