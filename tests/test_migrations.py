"""A register made by an older Jingtu is brought up to date when it is opened, nothing lost."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy as sa

from parcels import geopackage, tables
from parcels.store import HEAD, Store


def make_old(url: str, revision: str) -> None:
    """A register as it was at an earlier migration, with one file in it."""
    embedded = not url.startswith("postgresql")
    engine = geopackage.engine(Path(url), writes=True) if embedded else sa.create_engine(url)
    config = alembic.config.Config()
    config.set_main_option("script_location", "parcels:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)
        connection.execute(
            sa.text(
                "INSERT INTO file (id, name, sha256, size_bytes, received_at) "
                "VALUES (1, '示例.csv', 'ab', 3, '2024-06-01T00:00:00.000000Z')"
            )
        )
    engine.dispose()


def test_the_first_register_gets_a_place_for_evidence_and_keeps_what_it_held(store_url):
    make_old(store_url, "0001")
    store = Store(store_url)
    try:
        with store.read() as connection:
            held = connection.execute(sa.select(tables.file.c.name)).scalars().all()
            proofs = connection.execute(sa.select(sa.func.count(tables.evidence.c.id))).scalar()
            named = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()

        assert (held, proofs, named) == (["示例.csv"], 0, HEAD)
    finally:
        store.close()


def test_every_table_and_column_the_register_names_is_made_by_the_migrations(store_url):
    store = Store(store_url)
    try:
        with store.read() as connection:
            seen = sa.inspect(connection)
            made = {
                table.name: {column["name"] for column in seen.get_columns(table.name)}
                for table in tables.metadata.sorted_tables
            }

        assert made == {
            table.name: {column.name for column in table.columns}
            for table in tables.metadata.sorted_tables
        }
    finally:
        store.close()
