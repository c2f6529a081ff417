"""What tests stand on is really there: two stores, and a browser without a network."""

import psycopg
import pytest
from playwright.sync_api import Error


@pytest.mark.postgis
def test_a_postgis_database_is_empty_and_has_its_functions(postgis_url):
    address = postgis_url.replace("+psycopg", "")

    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        area = connection.execute("SELECT ST_Area('POLYGON((0 0,2 0,2 2,0 0))')").fetchone()

    assert tables == [("spatial_ref_sys",)]
    assert area == (2.0,)


@pytest.mark.postgis
def test_a_connection_left_open_does_not_keep_the_next_test_from_its_database(postgis_url):
    connection = psycopg.connect(postgis_url.replace("+psycopg", ""))
    connection.execute("CREATE TABLE left_over ()")
    connection.close()


def test_a_register_is_asked_for_in_both_stores(store_url):
    assert store_url.endswith(".gpkg") or store_url.startswith("postgresql+psycopg://")


@pytest.mark.browser
def test_a_page_opens_from_disk_and_reaches_nothing_outside(chromium_page, tmp_path):
    file = tmp_path / "净土.html"
    file.write_text("<meta charset=utf-8><title>净土</title><p>一张图</p>", "utf-8")

    chromium_page.goto(file.as_uri())

    assert chromium_page.title() == "净土"
    with pytest.raises(Error):
        chromium_page.goto("http://127.0.0.1:9/")
