"""`dolma-pipe schema`: the JSON Schema of a recipe, for editors."""

from pathlib import Path

import click


@click.command("schema")
@click.option("--train", is_flag=True, help="Of train.yaml in place of a recipe.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
def command(train: bool, out: Path | None) -> None:
    """Print the JSON Schema (2020-12) of recipes: with it editors complete and check mix.yaml.

    For editors with the YAML language server write it beside the recipe, whose first line is
    then: # yaml-language-server: $schema=mix.schema.json
    """
    import msgspec

    from dolma_pipe.atomic import atomic_write
    from dolma_pipe.report.recipe_schema import recipe_schema, train_schema

    if train:
        from dolma_pipe.train.config import TrainConfig

        schema = train_schema(TrainConfig)
    else:
        schema = recipe_schema()
    content = msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
    if out is None:
        click.echo(content.decode(), nl=False)
        return
    with atomic_write(out) as file:
        file.write(content)
    click.echo(f"written to {out}", err=True)
