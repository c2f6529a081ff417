"""The declared layers, and what is said of a declaration that is wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog, forms, layer_files, toml_lines
from layers.declaration import Declaration, Problems
from maps import text
from parcels import words
from parcels.errors import DeclarationError, FileNotReadableError, UnknownLayerError
from parcels.model import CORE_COLUMNS, Kind, Shape

# The list of the plan's layers, as agreed: key, Chinese name, geometry, measures at the least.
AGREED = [
    ("priority_plot", "优先监管地块", "polygon", "2.1 17.2"),
    (
        "contaminated_site",
        "建设用地土壤污染风险管控和修复名录地块",
        "polygon",
        "2.2 3.2 4.1 16.1 17.2 19.3",
    ),
    ("screening_ledger", "关停退出企业筛查台账", "either", "3.1"),
    ("transported_soil", "转运污染土壤", "either", "3.3"),
    (
        "key_construction_land",
        "重点建设用地（用途变更为住宅、公共管理与公共服务用地）",
        "polygon",
        "4.1 17.2",
    ),
    ("baseline_survey_project", "土壤环境现状调查项目", "either", "4.2"),
    ("supervised_unit", "土壤污染重点监管单位", "either", "5.1 5.2 19.1 19.3"),
    ("heavy_metal_enterprise", "涉重金属企业", "point", "5.3"),
    ("latent_enterprise", "潜在污染企业", "point", "5.4"),
    ("fuel_station", "加油站、储油库", "point", "5.4"),
    ("industrial_park", "工业园区", "polygon", "5.5"),
    ("waste_facility", "固体废物处置设施", "either", "6.1 6.2 8.1"),
    ("farmland", "耕地（土壤环境质量类别）", "polygon", "8.1 8.2"),
    ("orchard", "园地", "polygon", "9.1 11.2"),
    ("facility_farmland", "设施农用地", "either", "9.2"),
    ("high_standard_farmland", "高标准农田", "polygon", "10.1"),
    ("new_farmland", "新增耕地", "polygon", "10.2"),
    ("woodland", "重点林地", "polygon", "10.3"),
    ("livestock_farm", "畜禽养殖场（户）", "point", "11.3"),
    ("watershed_pilot", "面源污染治理试点流域", "polygon", "11.4"),
    ("soil_census_point", "第三次土壤普查样点", "point", "12.1"),
    ("unused_land", "未利用地", "polygon", "13.1 14.1"),
    ("tailings_pond", "尾矿库", "either", "14.2"),
    ("special_area", "特定区域（城市副中心、亦庄新城、燕山等）", "polygon", "16.1 4.1"),
    ("remote_sensing_alert", "遥感疑似图斑", "polygon", "19.2"),
    ("monitoring_point", "监测点位", "point", "2.1 5.2 5.5 8.2 9.1 19.1"),
]

LAYERS = catalog.load()

SHARED = layer_files.Shared(
    core=layer_files.read_core_fields(
        Declaration(catalog.REFERENCE / "core_fields.toml", Problems())
    ),
    lifecycles={},
    rules=frozenset(LAYERS.rules),
    measures=frozenset({"8.2"}),
)

# A 27th layer, each line of which the tables below refer to by number.
GARDEN = """\
key = "school_garden"
zh = "校园菜地"
en = "School gardens"
shape = "either"
measures = ["8.2"]
rules = ["declared_area_differs"]
stages = [
  { key = "planned", zh = "拟建", en = "Planned", next = ["open"] },
  { key = "open", zh = "开放", en = "Open", synonyms = ["使用中"] },
]

[core.code]
aliases = ["CDBH"]

[[fields]]
key = "pupils"
zh = "学生数"
en = "Pupils"
kind = "integer"
min = 1
max = 5000

[[fields]]
key = "crop"
zh = "作物"
en = "Crop"
kind = "code"
aliases = ["ZW", "作物种类"]
choices = [
  { code = "beans", zh = "豆类", en = "Beans" },
  { code = "kale", zh = "甘蓝", en = "Kale", synonyms = ["羽衣甘蓝"] },
]
"""

STAGES = GARDEN[GARDEN.index("stages = [") : GARDEN.index("[core")]
CHOICES = GARDEN[GARDEN.index("choices = [") :]

# (what stands there, what is put in its place, problem, key, line)
WRONG = [
    ('key = "school_garden"', 'key = "School-Garden"', "key_not_plain", "key", 1),
    ('key = "school_garden"', 'key = "table"', "key_reserved", "key", 1),
    ('key = "school_garden"', 'key = "parcel"', "key_reserved", "key", 1),
    ('key = "school_garden"', 'key = "gpkg_garden"', "key_reserved", "key", 1),
    ('key = "school_garden"', 'key = "garden"', "file_name_differs", "key", 1),
    ('key = "school_garden"', "", "missing_key", "", 1),
    ('zh = "校园菜地"', 'zh = "  "', "text_empty", "zh", 2),
    ('zh = "校园菜地"', "zh = 5", "not_text", "zh", 2),
    ('zh = "校园菜地"', 'zh = "\\u0007"', "text_unprintable", "zh", 2),
    ('en = "School gardens"', 'em = "School gardens"', "unknown_key", "em", 3),
    ('"either"', '"line"', "shape_unknown", "shape", 4),
    ('["8.2"]', '["8.2", "8.9"]', "measure_unknown", "measures[2]", 5),
    ('["8.2"]', '["8.2"]\npublic = ["registered_lon"]', "not_for_public", "public[1]", 6),
    ('["8.2"]', '"8.2"', "not_texts", "measures", 5),
    ('["8.2"]', "[\n  8.2]", "not_text", "measures[1]", 6),
    ("declared_area_differs", "area_differs", "rule_unknown", "rules[1]", 6),
    ('rules = ["', 'boundary_required = "yes"\nrules = ["', "not_boolean", "boundary_required", 6),
    ('rules = ["', 'order = 1.5\nrules = ["', "not_integer", "order", 6),
    ('rules = ["', 'note = "why"\nrules = ["', "not_table", "note", 6),
    (
        'rules = ["',
        'lifecycle_stages = ["open"]\nrules = ["',
        "lifecycle_stages_not_used",
        "lifecycle_stages",
        6,
    ),
    (
        'rules = ["',
        'lifecycle = "farmland_class"\nrules = ["',
        "stages_twice",
        "stages",
        8,
    ),
    (
        STAGES,
        'lifecycle = "farmland"\n',
        "lifecycle_unknown",
        "lifecycle",
        7,
    ),
    (
        STAGES,
        'lifecycle = "farmland_class"\nlifecycle_stages = ["safe_use",\n "safe"]\n',
        "stage_unknown",
        "lifecycle_stages[2]",
        9,
    ),
    (
        STAGES,
        "",
        "stages_missing",
        "stages",
        1,
    ),
    ('next = ["open"]', 'next = ["opened"]', "stage_unknown", "stages[planned].next[1]", 8),
    ('key = "open"', 'key = "planned"', "key_twice", "stages[planned].key", 9),
    ('"使用中"', '"拟 建"', "synonym_twice", "stages[open].synonyms[1]", 9),
    ("[core.code]", "[core.codes]", "unknown_key", "core.codes", 12),
    ('aliases = ["CDBH"]', 'zh = "园号"', "missing_key", "core.code", 12),
    ('"CDBH"', '"曾用名"', "alias_twice", "core.code.aliases[1]", 13),
    ('aliases = ["CDBH"]', 'pattern = "("', "pattern_wrong", "core.code.pattern", 13),
    ('key = "pupils"', 'key = "geometry"', "key_reserved", "fields[geometry].key", 16),
    ('key = "pupils"', 'key = "district"', "key_reserved", "fields[district].key", 16),
    ('key = "pupils"', 'key = "order"', "key_reserved", "fields[order].key", 16),
    ('key = "pupils"', 'key = "pupils; drop"', "key_not_plain", "fields[pupils; drop].key", 16),
    ('key = "pupils"', f'key = "p{"u" * 41}"', "key_not_plain", f"fields[p{'u' * 41}].key", 16),
    ('key = "pupils"', "", "missing_key", "fields[1]", 15),
    ('key = "pupils"', 'key = "crop"', "key_twice", "fields[crop].key", 24),
    ('kind = "integer"', 'kind = "whole"', "kind_unknown", "fields[pupils].kind", 19),
    ('kind = "integer"', 'kind = "text"', "not_for_kind", "fields[pupils].min", 20),
    ("min = 1", "min = nan", "not_number", "fields[pupils].min", 20),
    ("max = 5000", "max = 0", "bounds_reversed", "fields[pupils].max", 21),
    ("max = 5000", 'unit = "heads"', "unit_unknown", "fields[pupils].unit", 21),
    ("max = 5000", "pattern = '\\d+'", "not_for_kind", "fields[pupils].pattern", 21),
    ("max = 5000", "requried = true", "unknown_key", "fields[pupils].requried", 21),
    ('"ZW"', '"学 生 数"', "alias_twice", "fields[crop].aliases[1]", 28),
    ('"ZW"', '"dkmc"', "alias_twice", "fields[crop].aliases[1]", 28),
    ('"ZW"', '"（地址）"', "alias_twice", "fields[crop].aliases[1]", 28),
    ('kind = "code"', 'kind = "date"', "not_for_kind", "fields[crop].choices", 29),
    (
        'code = "kale"',
        'code = "kale;chard"',
        "code_with_semicolon",
        "fields[crop].choices[kale;chard].code",
        31,
    ),
    ('"羽衣甘蓝"', '"BEANS"', "synonym_twice", "fields[crop].choices[kale].synonyms[1]", 31),
    ('code = "beans", ', "", "missing_key", "fields[crop].choices[1]", 30),
    (CHOICES, "choices = 4\n", "not_tables", "fields[crop].choices", 29),
    (CHOICES, "choices = [\n4]\n", "not_table", "fields[crop].choices[1]", 30),
    (CHOICES, "", "choices_missing", "fields[crop]", 23),
    ('en = "Crop"', 'en = "Crop', "syntax_wrong", "", 26),
    ("rules = [", 'gates = ["listed"]\nrules = [', "gate_unknown", "gates[1]", 6),
    ("rules = [", 'milestones = ["soon"]\nrules = [', "milestone_unknown", "milestones[1]", 6),
    ("rules = [", 'gates = ["listed_not_for_homes"]\nrules = [', "field_missing", "gates[1]", 6),
    (
        'next = ["open"]',
        'admits = ["letter"]',
        "document_unknown",
        "stages[planned].admits[1]",
        8,
    ),
    (
        'next = ["open"]',
        'reviewed = "always"',
        "reviewed_unknown",
        "stages[planned].reviewed",
        8,
    ),
]  # fmt: skip

SAID_OF_PLANS = {
    "row_wrong_length",
    "measure_number_wrong",
    *("operator_unknown", "year_out_of_range", "no_measures", "layer_unknown"),
    *("district_unknown", "deadline_not_understood", "day_not_in_calendar"),
    *("alternative_to_nothing", "indicator_not_of_measure", "number_not_in_text"),
    "words_not_in_measure",
}
SAID_OF_GATES = {
    *("basis_unknown", "due_or_months", "not_day", "not_integers", "severity_unknown"),
}
SAID_OF_FILES = {"file_not_readable", "not_utf8", "layer_twice"}
SAID_OF_SCHEMES = {
    *("scheme_word_unknown", "scheme_quarter_wrong", "scheme_items_missing"),
    *("scheme_weight_wrong", "scheme_not_share", "scheme_no_target"),
}
"""Each of them is met in test_evaluation."""
SAID_OF_INDICATORS = {
    *("when_unknown", "claim_unclear", "claim_unknown", "layer_unknown", "layer_field_unknown"),
    *("field_kind_differs", "ordered_not_two", "code_unknown", "figure_basis_unknown"),
    *("figure_measure_unknown", "figure_role_unknown", "operator_unknown", "indicator_unknown"),
    *("term_unknown", "term_missing", "term_not_used", "terms_not_used", "number_wrong"),
    "days_reversed",
}
"""Each of them is met in test_indicator_files."""


def declared(folder: Path, declaration: str | bytes, name: str = "school_garden.toml") -> Path:
    """A folder of the user's own with one file in it."""
    folder.mkdir(exist_ok=True)
    whole = declaration.encode() if isinstance(declaration, str) else declaration
    (folder / name).write_bytes(whole)
    return folder


def refused(folder: Path):
    with pytest.raises(DeclarationError) as refusal:
        catalog.load(extra=[folder])
    return refusal.value.fields["problems"]


def test_the_layers_are_the_26_agreed_ones_in_their_order():
    assert [(key, layer.label.zh, layer.shape.value) for key, layer in LAYERS.items()] == [
        (key, zh, shape) for key, zh, shape, _ in AGREED
    ]


@pytest.mark.parametrize(("key", "measures"), [(key, m) for key, _, _, m in AGREED])
def test_a_layer_shows_the_measures_agreed(key, measures):
    assert set(measures.split()) <= set(LAYERS[key].measures)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_every_layer_begins_with_the_core_fields(layer):
    assert tuple(f.key for f in layer.fields[: len(CORE_COLUMNS)]) == CORE_COLUMNS
    assert [f.key for f in layer.fields if f.core] == list(CORE_COLUMNS)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_no_two_fields_of_a_layer_share_a_column_name(layer):
    owners: dict[str, set[str]] = {}
    for field in layer.fields:
        for name in (field.key, field.label.zh, field.label.en, *field.aliases):
            owners.setdefault(layer_files.bare(name), set()).add(field.key)

    assert {name: keys for name, keys in owners.items() if len(keys) > 1} == {}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_every_stage_can_be_reached_from_the_first(layer):
    following = {stage.key: stage.next for stage in layer.stages}
    reached, waiting = set(), [layer.stages[0].key]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting.extend(following[key])

    assert reached == {stage.key for stage in layer.stages if not stage.derived}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_every_word_for_people_is_in_chinese_and_in_english(layer):
    labels = [layer.label, layer.stage_label, *(s.label for s in layer.stages)]
    labels += [f.label for f in layer.fields]
    labels += [c.label for f in layer.fields for c in f.choices]
    notes = [n for n in [layer.note, *(f.note for f in layer.fields)] if n]

    assert [one for one in labels + notes if not re.search("[一-鿿]|pH", one.zh)] == []
    assert [one for one in labels + notes if not one.en.isascii()] == []


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_the_label_of_the_stage_column_is_that_of_the_stages(layer):
    assert layer.field("stage").label == layer.stage_label


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_a_label_a_layer_changes_stays_an_accepted_column_name(layer):
    for field, shared in zip(layer.fields, LAYERS["priority_plot"].fields, strict=False):
        if field.core:
            names = {field.label.zh, field.label.en, *field.aliases}

            assert {shared.label.zh, shared.label.en, *shared.aliases} <= names


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_only_fields_with_a_code_list_have_choices(layer):
    for field in layer.fields:
        assert bool(field.choices) == (field.kind in {Kind.CODE, Kind.CODES})


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_no_word_of_a_list_reads_as_an_empty_cell(layer):
    listed = [(c.code, c.label, c.synonyms) for f in layer.fields for c in f.choices]
    listed += [(s.key, s.label, s.synonyms) for s in layer.stages]
    written = {w for key, label, more in listed for w in (key, label.zh, label.en, *more)}

    assert [word for word in written if words.plain(word) in words.blanks()] == []


def test_the_national_systems_column_names_lead_to_the_core_fields():
    core = {f.key: {a.lower() for a in f.aliases} for f in LAYERS["contaminated_site"].fields}

    for column, key in {
        "dkmc": "name",
        "dkdm": "code",
        "dkbm": "code",
        "xzqdm": "district",
        "xzqmc": "district",
        "ydmj": "declared_area_m2",
        "scrq": "produced_on",
        "scdw": "produced_by",
        "bz": "remarks",
        "scjdbm": "stage",
        "wrdkzxjd": "registered_lon",
        "wrdkzxwd": "registered_lat",
    }.items():
        assert column in core[key]


@pytest.mark.parametrize(
    ("legacy", "stage"),
    [
        ("S1", "preliminary_survey"),
        ("S2", "detailed_survey"),
        ("S3", "risk_assessment"),
        ("S4", "risk_control"),
        ("S5", "remediation"),
        ("S6", "effect_assessment"),
    ],
)
def test_the_stage_codes_of_the_earlier_national_system_are_understood(legacy, stage):
    stages = {s.key: s for s in LAYERS["priority_plot"].stages}

    assert [key for key, one in stages.items() if legacy in one.synonyms] == [stage]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("risk_assessment", "remediation"),
        ("preliminary_survey", "listed"),
        ("listed", "delisted"),
        ("closed", "listed"),
    ],
)
def test_building_land_takes_no_short_cut_into_or_out_of_the_list(earlier, later):
    stages = {s.key: s for s in LAYERS["priority_plot"].stages}

    assert later not in stages[earlier].next


def test_a_layer_may_take_part_of_a_life_cycle_and_its_moves_stay_inside():
    stages = LAYERS["contaminated_site"].stages

    assert [s.key for s in stages] == [
        "listed", "risk_control", "remediation", "effect_assessment", "delisted", "aftercare",
        "closed",
    ]  # fmt: skip
    assert {key for s in stages for key in s.next} <= {s.key for s in stages}


def test_only_transported_soil_has_a_stage_that_is_computed():
    derived = [(key, s.key) for key, layer in LAYERS.items() for s in layer.stages if s.derived]

    assert derived == [("transported_soil", "overdue")]


@pytest.mark.parametrize(
    ("code", "is_one"),
    [
        ("91110000600007156L", True),
        ("9111000060000715IL", False),
        ("9111000060000715", False),
        ("91110000600007156l", False),
    ],
)
def test_a_credit_code_has_18_characters_without_i_o_s_v_z(code, is_one):
    pattern = LAYERS["supervised_unit"].field("credit_code").pattern

    assert bool(re.search(pattern, code)) is is_one


def test_every_rule_is_named_by_a_layer():
    assert {rule for layer in LAYERS.values() for rule in layer.rules} == set(LAYERS.rules)


def test_the_catalog_is_a_mapping_that_cannot_be_changed():
    assert len(LAYERS) == len(list(LAYERS)) == 26
    with pytest.raises(TypeError):
        LAYERS.layers["priority_plot"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        LAYERS["priority_plot"].key = "other"


@pytest.mark.parametrize(
    ("asked", "close"),
    [
        ("priority_plots", "priority_plot"),
        ("尾矿", "tailings_pond"),
        ("Tailings Ponds", "tailings_pond"),
        ("plot", "priority_plot"),
    ],
)
def test_an_unknown_layer_is_refused_with_the_ones_it_may_have_meant(asked, close):
    with pytest.raises(UnknownLayerError) as refusal:
        LAYERS.layer(asked)

    assert close in refusal.value.fields["close"]
    assert refusal.value.fields["known"] == tuple(LAYERS)


def test_a_name_like_no_layer_is_refused_without_a_guess():
    with pytest.raises(UnknownLayerError) as refusal:
        LAYERS.layer("\t")

    assert refusal.value.fields["close"] == ()


def test_a_27th_layer_is_one_more_file_and_nothing_else(tmp_path):
    layers = catalog.load(extra=[declared(tmp_path / "own", GARDEN)])

    garden = layers.layer("school_garden")
    assert list(layers) == [*LAYERS, "school_garden"]
    assert garden.shape is Shape.EITHER
    assert [f.key for f in garden.own_fields] == ["pupils", "crop"]
    assert garden.field("code").aliases[0] == "CDBH"
    assert garden.field("crop").choices[1].synonyms == ("羽衣甘蓝",)
    assert [(s.key, s.next) for s in garden.stages] == [("planned", ("open",)), ("open", ())]
    assert garden.source.endswith("school_garden.toml")


def test_a_27th_layer_may_lie_among_the_others_and_say_its_place(tmp_path):
    home = shutil.copytree(catalog.REFERENCE, tmp_path / "reference")
    declared(home / "layers", GARDEN.replace("shape", "order = 0\nshape", 1))

    assert next(iter(catalog.load(home))) == "school_garden"


def test_a_file_saved_by_notepad_is_read(tmp_path):
    saved = b"\xef\xbb\xbf" + GARDEN.replace("\n", "\r\n").encode()

    assert "school_garden" in catalog.load(extra=[declared(tmp_path, saved)])


@pytest.mark.parametrize(("there", "instead", "code", "key", "line"), WRONG)
def test_a_wrong_declaration_is_named_with_its_key_and_line(
    tmp_path, there, instead, code, key, line
):
    assert GARDEN.count(there) == 1 or there.startswith(("rules", "key", "aliases"))
    problems = refused(declared(tmp_path, GARDEN.replace(there, instead, 1)))

    assert (code, key, line) in {(p.code, p.key, p.line) for p in problems}
    assert {p.file for p in problems} == {str(tmp_path / "school_garden.toml")}


def test_all_problems_of_all_files_are_refused_at_once_by_line(tmp_path):
    wrong = GARDEN.replace('"either"', '"line"').replace("min = 1", 'min = "1"')
    wrong = wrong.replace('"ZW"', '"DKMC"').replace('"豆类"', '""')
    declared(tmp_path, wrong)
    declared(tmp_path, "key = 1", "a.toml")
    with pytest.raises(DeclarationError) as refusal:
        catalog.load(extra=[tmp_path])

    problems = refusal.value.fields["problems"]
    found = [(p.line, p.code) for p in problems if p.file.endswith("school_garden.toml")]
    assert found == [
        (4, "shape_unknown"),
        (20, "not_number"),
        (28, "alias_twice"),
        (30, "text_empty"),
    ]
    first = problems[0]
    assert first.file.endswith("a.toml")
    assert refusal.value.fields["problem"] == first.code
    assert refusal.value.fields["line"] == first.line == 1


def test_a_layer_of_the_same_key_twice_is_refused_with_the_other_file(tmp_path):
    own = shutil.copy(catalog.REFERENCE / "layers" / "orchard.toml", tmp_path)
    (problem,) = refused(tmp_path)

    assert (problem.code, problem.key, problem.line) == ("layer_twice", "key", 1)
    assert problem.file == str(own)
    assert problem.expected == str(catalog.REFERENCE / "layers" / "orchard.toml")


def test_a_file_in_another_encoding_is_refused_with_the_byte_and_its_line(tmp_path):
    (problem,) = refused(declared(tmp_path, GARDEN.encode("gbk")))

    # The first character happens to be UTF-8 for another; the second cannot be.
    assert (problem.code, problem.line, problem.found) == ("not_utf8", 2, "0xb2")


def test_a_file_that_cannot_be_read_says_only_that(tmp_path):
    (tmp_path / "school_garden.toml").mkdir()

    assert [p.code for p in refused(tmp_path)] == ["file_not_readable"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotReadableError):
        catalog.load(extra=[tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("file", "there", "instead", "code", "line"),
    [
        ("core_fields.toml", 'key = "address"', 'key = "addres"', "missing_key", 1),
        ("core_fields.toml", '"DZ"', '"DKMC"', "alias_twice", None),
        ("lifecycles.toml", '"priority", ', '"prior", ', "stage_unknown", None),
        ("lifecycles.toml", "[farmland_class]", "orphan = 1\n[farmland_class]", "unknown_key", 0),
        ("rules.toml", 'en = "A remote', 'eng = "A remote', "unknown_key", None),
        ("rules.toml", 'severity = "error"', 'severity = "grave"', "severity_unknown", None),
        ("documents.toml", 'key = "receipt"', 'kee = "receipt"', "unknown_key", None),
        ("gates.toml", 'basis = "survey"', 'basis = "surveys"', "basis_unknown", None),
        ("gates.toml", "since = 2026-08-15", 'since = "2026-08-15"', "not_day", None),
        ("milestones.toml", "months = [2, 8]", 'months = ["2", "8"]', "not_integer", None),
        ("milestones.toml", "months = [2, 8]", "months = 2", "not_integers", None),
        ("milestones.toml", "months = [2, 8]", "months_after = 6", "due_or_months", 10),
    ],
)  # fmt: skip
def test_what_layers_share_is_checked_too(tmp_path, file, there, instead, code, line):
    home = shutil.copytree(catalog.REFERENCE, tmp_path / "reference")
    whole = (home / file).read_text("utf-8")
    (home / file).write_text(whole.replace(there, instead, 1), "utf-8")
    with pytest.raises(DeclarationError) as refusal:
        catalog.load(home)

    expected = line or whole[: whole.index(there)].count("\n") + 1
    assert (code, expected) in {(p.code, p.line) for p in refusal.value.fields["problems"]}


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_problem_has_its_sentence_and_no_sentence_is_idle(lang):
    met = {code for _, _, code, _, _ in WRONG} | SAID_OF_FILES | SAID_OF_PLANS | SAID_OF_GATES
    met |= SAID_OF_INDICATORS | SAID_OF_SCHEMES

    assert set(text.words("catalog.problem", lang)) == met


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize(("there", "instead"), [wrong[:2] for wrong in WRONG[:12]])
def test_a_problem_can_be_said(tmp_path, there, instead, lang):
    for problem in refused(declared(tmp_path, GARDEN.replace(there, instead, 1))):
        said = text.say(f"catalog.problem.{problem.code}", lang, **dataclasses.asdict(problem))

        assert said
        assert "{" not in said


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.dates()
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(TREES, st.sampled_from(sorted(forms.LAYER)))
def test_whatever_stands_under_a_key_is_a_problem_or_fine_but_never_a_crash(value, key):
    whole = tomllib.loads(GARDEN) | {key: value}
    with TemporaryDirectory() as folder:
        problems = Problems()
        declared(Path(folder), "\n".join(written(whole)))
        layer = layer_files.read_layer(
            Declaration(Path(folder) / "school_garden.toml", problems), SHARED
        )

    assert (layer is None) == bool(problems.found)


def written(table: dict) -> list[str]:
    return [f"{shown(key)} = {shown(value)}" for key, value in table.items() if value is not None]


def shown(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(written(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(one) for one in value if one is not None) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, dt.date) else repr(value)


class Author:
    """Writes TOML as people do, and remembers on which line each key was put."""

    SCALARS = (
        "1",
        "-2.5e3",
        "true",
        "inf",
        "1979-05-27 07:32:00",
        "2024-06-30",
        '"a # b = [c]"',
        r"'C:\temp'",
        r'"\"quoted\" \\"',
        '""',
        "''",
        '"""one\n[two]\nthree = 3"""',
        "'''raw\n''two'' # no'''",
        '"""ends in ""quotes"""""',
        '"""\\\n  folded \\""""',
        "'''''x'''",
    )
    GAPS = ("", " ", "\n", '  # a [comment] = {"\n', "\n\n\t")
    BREAKS = ("\n", "\n\n", " # why = 'not'\n", "\n# [no.table]\n  ")

    def __init__(self, draw) -> None:
        self.draw = draw
        self.text = ""
        self.lines = {}

    def note(self, path):
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def pick(self, choices):
        return self.draw(st.sampled_from(choices))

    def key(self, name):
        self.text += self.pick(
            (name, f'"{name}"', f"'{name}'", f'"\\u{ord(name[0]):04x}{name[1:]}"')
        )

    def pair(self, path, name, depth):
        self.note((*path, name))
        self.key(name)
        if depth and self.draw(st.booleans()):
            self.text += self.pick((".", " . "))
            path = (*path, name)
            name = "dotted"
            self.lines.setdefault((*path, name), self.lines[path])
            self.key(name)
        self.text += self.pick(("=", " = ", "\t="))
        self.value((*path, name), depth)

    def value(self, path, depth):
        form = self.pick(("scalar", "array", "inline")) if depth else "scalar"
        count = self.draw(st.integers(0, 3))
        if form == "scalar":
            self.text += self.pick(self.SCALARS)
        elif form == "array":
            self.array(path, count, depth)
        else:
            self.text += "{ "
            for i in range(count):
                self.text += ", " if i else ""
                self.pair(path, f"i{i}", depth - 1)
            self.text += " }"

    def array(self, path, count, depth):
        self.text += "[" + self.pick(self.GAPS)
        for i in range(count):
            self.note((*path, i))
            self.value((*path, i), depth - 1)
            self.text += self.pick(self.GAPS)
            if i < count - 1 or self.draw(st.booleans()):
                self.text += "," + self.pick(self.GAPS)
        self.text += "]"

    def pairs(self, path):
        for i in range(self.draw(st.integers(0, 3))):
            self.pair(path, f"k{i}", 2)
            self.text += self.pick(self.BREAKS)

    def header(self, brackets, *names):
        self.text += brackets
        for i, name in enumerate(names):
            self.text += "." if i else ""
            self.key(name)
        self.text += "]" * len(brackets) + self.pick(self.BREAKS)

    def document(self):
        self.text += self.pick(("", "\n", "# first\n"))
        self.pairs(())
        for i in range(self.draw(st.integers(0, 3))):
            name = f"t{i}"
            if self.draw(st.booleans()):
                self.note((name,))
                self.note((name, "deep"))
                self.header("[", name, "deep")
                self.pairs((name, "deep"))
                continue
            for element in range(self.draw(st.integers(1, 3))):
                self.note((name,))
                self.note((name, element))
                self.header("[[", name)
                self.pairs((name, element))
                self.note((name, element, "sub"))
                self.header("[", name, "sub")
                self.pairs((name, element, "sub"))
        return self


@given(st.data())
def test_every_key_is_found_on_the_line_it_was_written(data):
    author = Author(data.draw).document()
    tomllib.loads(author.text)

    assert toml_lines.lines(author.text) == author.lines


@pytest.mark.parametrize("file", sorted(catalog.REFERENCE.rglob("*.toml")), ids=lambda p: p.stem)
def test_every_key_of_every_declaration_stands_on_the_line_found(file):
    whole = file.read_text("utf-8")
    rows = whole.splitlines()

    for path, line in toml_lines.lines(whole).items():
        names = [step for step in path if isinstance(step, str)]
        assert isinstance(path[-1], int) or names[-1] in rows[line - 1]


@pytest.mark.parametrize(
    ("path", "line"),
    [(("a", "b"), 2), (("a", "missing"), 1), (("a", "list", 5), 3), (("none",), 1), ((), 1)],
)
def test_what_is_not_written_stands_where_its_table_does(path, line):
    found = toml_lines.lines("[a]\nb = 1\nlist = [1]\n")

    assert toml_lines.line_of(found, path) == line
