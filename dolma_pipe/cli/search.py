"""`dolma-pipe search`: words or a regular expression in corpora, at the speed of decompression."""

import click

from dolma_pipe.cli.options import json_option, show_json, standard_output


@click.command("search")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--text", metavar="WORDS", help="Find these characters as they stand.")
@click.option("--regex", metavar="PATTERN", help="Find a regular expression of Python's re.")
@click.option("-i", "--ignore-case", is_flag=True, help="Letter case does not count.")
@click.option("--field", default="text", show_default=True, help="text, id, url or metadata.KEY.")
@click.option("--count", is_flag=True, help="Only how many, by corpus and file.")
@click.option("--ids", is_flag=True, help="Only the id of each document that matches.")
@json_option
@click.option("--invert", is_flag=True, help="Documents that do not match.")
@click.option("--max", "most", type=click.IntRange(min=1), help="So many lines of output at most.")
@click.option(
    "--context",
    type=click.IntRange(0, 10_000),
    default=40,
    show_default=True,
    help="Characters on each side of a match.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes [default: by size and cores]"
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True)
@click.option("--messages", is_flag=True, help="Lines are conversations (`messages`).")
@click.option("--text-column", metavar="NAME", help="Of tables, the column with the text.")
@click.option("--format", "kind", type=click.Choice(["jsonl", "parquet", "arrow", "warc"]))
@click.option("--colour", type=click.Choice(["auto", "always", "never"]), default="auto")
def command(
    paths: tuple[str, ...],
    text: str | None,
    regex: str | None,
    ignore_case: bool,
    field: str,
    count: bool,
    ids: bool,
    as_json: bool,
    invert: bool,
    most: int | None,
    context: int,
    workers: int | None,
    timeout: float,
    messages: bool,
    text_column: str | None,
    kind: str | None,
    colour: str,
) -> None:
    """Find words or a pattern in the documents of PATHS: files, patterns, folders, s3://, https://.

    Prints a line a match: file:line, the id of the document, the match in its context. With --json
    an object a document that matches, its spans in characters and bytes. --timeout: CPU seconds
    that a regular expression may take in one document. The exit code is 0 also where nothing is
    found.
    """
    if (text is None) == (regex is None) or not (text or regex):
        raise click.UsageError("one of --text WORDS and --regex PATTERN is needed")
    if ids and (count or as_json):
        raise click.UsageError("--ids goes with neither --count nor --json")
    if count and most is not None:
        raise click.UsageError("--max: counts are of all lines")
    from dolma_pipe.cli.guarded import unguarded
    from dolma_pipe.formats.reading import ColumnNames, Reading
    from dolma_pipe.inputs import Input
    from dolma_pipe.search.fields import field_missing
    from dolma_pipe.search.files import files_of
    from dolma_pipe.search.lines import Printing
    from dolma_pipe.search.query import Query
    from dolma_pipe.search.run import found_lines
    from dolma_pipe.search.shard import Counts, Search
    from dolma_pipe.search.table import (
        as_object,
        count_table,
        notes,
        total,
        workers_for,
        worth_sieving,
    )

    query = Query(text=text, regex=regex, ignore_case=ignore_case, field=field, seconds=timeout)
    _ = query.pattern  # refused before any file is looked for
    columns = ColumnNames(text=text_column) if text_column else ColumnNames()
    reading = Reading(format=kind or "auto", columns=columns, messages=messages)  # type: ignore[arg-type]
    shards = files_of(paths, reading)
    counted: list[tuple[Input, Counts]] = []
    output = unguarded(standard_output())
    coloured = colour == "always" or (colour == "auto" and output.isatty())
    form = "json" if as_json else "ids" if ids else "matches"
    how = None if count else Printing(kind=form, context=context, colour=coloured)  # type: ignore[arg-type]
    asked = Search(
        query=query,
        invert=invert,
        reading=reading,
        wanted="counts" if count else "documents" if ids else "spans",
        sieves=worth_sieving(shards),
    )
    lines = found_lines(
        shards,
        asked,
        how,
        most,
        workers or workers_for(shards),
        lambda shard, counts: counted.append((shard, counts)),
    )
    for line in lines:
        output.write(line + "\n")
    if count and as_json:
        show_json(as_object(counted))
    elif count:
        click.echo("\n".join(count_table(counted)))
    for note in notes(total(counted), len(counted)):
        click.echo(note, err=True)
    none_matched = invert or not total(counted).documents
    if none_matched and (missing := field_missing(shards, asked)) is not None:
        click.echo(missing, err=True)
