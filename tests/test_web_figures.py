"""The pages of figures: a quarter in a table, a figure opened, and what a unit's people see."""

from __future__ import annotations

import re

import pytest
from town import DAY, act
from website import PASSWORD, Site

from layers import catalog, indicator_files
from maps import cli
from maps.answers import Exit
from maps.web import passwords
from maps.web.app import create_app
from maps.web.office import Office
from parcels import accounts
from parcels.accounts import Account, Role
from parcels.reviewing import Reviewing

LIST = """地块编码,地块名称,所属区,责任单位,环节,经度,纬度,录入全国系统时间
1101050320001,示例朝阳一号,朝阳区,朝阳区,优先监管,116.48,39.95,2024-05-01
1101050320002,示例朝阳二号,朝阳区,朝阳区,优先监管,116.49,39.95,
1101080320003,示例海淀<三>号,海淀区,海淀区,优先监管,116.30,39.99,2024-05-01
"""
COMPLETE = "national_system_completeness"
OFFICE = ("--store", "r.gpkg", "--lang", "zh")
OPTIONS = ("--layer", "priority_plot", "--on", "2024-06-01")
HAIDIAN, CHAOYANG = "110108", "110105"


@pytest.fixture
def town(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "清单.csv").write_text(LIST, "utf-8")
    done = cli.run([*OFFICE, "--user", "示例报送员", "import", "清单.csv", *OPTIONS])
    assert done == Exit.DONE
    layers = catalog.load()
    register = Reviewing("r.gpkg", list(layers.values()))
    for role, unit in ((Role.ADMIN, None), (Role.VIEWER, HAIDIAN)):
        hashed = passwords.kept(PASSWORD, role.value)
        accounts.add(register, Account(0, role.value, "示例", role, unit, hashed), act(DAY))
    office = Office(register, layers, "zh", "示例", indicators=indicator_files.load(layers))
    yield Site(office, create_app(office))
    register.close()


def row(page, indicator):
    found = re.search(rf'{indicator}[^>]*>[^<]*</a></th><td class="jw-value">([^<]*)<', page)
    return None if found is None else found[1]


def test_a_quarter_shows_every_indicator_of_the_city_and_of_a_unit(town):
    admin = town.visitor(Role.ADMIN)

    city = admin.look("/figures?period=2024Q2").text
    unit = admin.look(f"/figures?period=2024Q2&place={CHAOYANG}").text

    assert "全市 · 2024Q2" in city
    assert row(city, COMPLETE).startswith("66.67%")
    assert row(unit, COMPLETE).startswith("50.00%")
    assert "没有填报" in city


def test_a_figure_opens_to_its_parcels_their_change_and_file(town):
    page = town.visitor(Role.ADMIN).look(f"/figures/{COMPLETE}:total:2024Q2").text

    assert "示例海淀&lt;三&gt;号" in page
    assert "清单.csv" in page
    assert "示例报送员" in page
    assert re.search(r'href="/parcels/priority_plot/\d+"', page)
    assert "<script" not in page


def test_a_person_of_a_unit_sees_its_parcels_and_the_others_as_a_sum(town):
    viewer = town.visitor(Role.VIEWER)

    page = viewer.look(f"/figures/{COMPLETE}:total:2024Q2").text

    assert "示例海淀" in page
    assert "示例朝阳" not in page
    assert "其他责任单位的地块，合计 2 个" in page
    assert viewer.look(f"/figures/{COMPLETE}:{CHAOYANG}:2024Q2").status_code == 404
    assert viewer.look(f"/figures/{COMPLETE}:{HAIDIAN}:2024Q2").status_code == 200
    assert "朝阳区" not in viewer.look("/figures?period=2024Q2").text
    assert "海淀区 · 2024Q2" in viewer.look(f"/figures?period=2024Q2&place={CHAOYANG}").text


def test_figures_follow_the_register(town):
    admin = town.visitor(Role.ADMIN)
    before = row(admin.look("/figures?period=2024Q2").text, COMPLETE)

    more = LIST.splitlines()[0] + "\n1101080320009,示例九号,海淀区,海淀区,优先监管,116.3,39.98,\n"
    (town.office.register.store.path.parent / "补.csv").write_text(more, "utf-8")
    done = cli.run([*OFFICE, "import", "补.csv", *OPTIONS])
    after = row(admin.look("/figures?period=2024Q2").text, COMPLETE)

    assert done == Exit.DONE
    assert before.startswith("66.67%")
    assert after.startswith("50.00%")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/figures?period=yesterday", 400),
        ("/figures/no_such:total:2024Q2", 404),
        ("/figures/nonsense", 404),
    ],
)
def test_what_is_no_figure_is_said_to_be_none(town, path, status):
    assert town.visitor(Role.ADMIN).look(path).status_code == status
