"""Who may open what: every route as every role, and of parcels only their own."""

from __future__ import annotations

import shutil

import pytest
import website
from town import DAY, PLOT, act
from website import CHAOYANG, HAIDIAN, PASSWORD

from maps.web import access
from maps.web.app import HEADERS, routes
from maps.web.sessions import COOKIE, Patience, Sessions
from maps.web.visitors import LOCAL
from parcels import accounts
from parcels.accounts import Account, Role
from parcels.errors import AccountNotUsableError, UnknownAccountError, UnknownDistrictError

EVERYONE = [None, *Role]
PLACES = {"{layer}": PLOT.key, "{z}": "9", "{x}": "421", "{y}": "193"}
ASKED = {"/api/at": "?lon=116.2&lat=40.0", "/api/search": "?q=P0001"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The town's register, made once."""
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    website.build(str(path))
    return path


@pytest.fixture
def town(built, tmp_path):
    """A copy of the town's register of the test's own, and its server."""
    path = shutil.copy(built, tmp_path / "town.gpkg")
    made = website.open_site(str(path))
    yield made
    made.office.register.close()


@pytest.fixture
def register(store_url):
    """The town's register on each store."""
    website.build(store_url)
    opened = website.open_site(store_url).office.register
    yield opened
    opened.close()


def filled(path):
    for name, value in PLACES.items():
        path = path.replace(name, value)
    return path + ASKED.get(path, "")


def test_every_route_is_in_the_table_and_the_table_names_no_other(town):
    assert routes(town.app) == set(access.TABLE)


@pytest.mark.parametrize("role", EVERYONE)
def test_every_route_lets_in_whom_the_table_names(town, role):
    visitor = town.visitor(role)
    token = visitor.token()

    for route, allowed in access.TABLE.items():
        method, path = route.split()
        if method == "MOUNT" or path == "/sign-out":
            continue
        sent = {"data": {"csrf": token}} if method == "POST" else {}
        status = visitor.request(method, filled(path), **sent).status_code
        is_kept_out = status in {401, 403}
        # The link of a server with accounts opens nothing, whoever tries it.
        expected = path == "/enter" or (allowed is not None and role not in allowed)
        assert is_kept_out == expected, (route, role, status)
        assert status == 401 if expected and role is None and path != "/enter" else True


def test_who_has_not_signed_in_is_sent_to_sign_in_and_back(town):
    visitor = town.visitor()

    answer = visitor.look("/accounts?a=1")
    asked = answer.headers["location"]
    entered = visitor.submit("/sign-in", login="admin", password=PASSWORD, next="/accounts?a=1")

    assert answer.status_code == 303
    assert "/sign-in?next=%2Faccounts%3Fa%3D1" in asked
    assert entered.headers["location"] == "/accounts?a=1"


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", "/\\evil", "evil"])
def test_signing_in_never_leads_off_this_server(town, place):
    answer = town.visitor().submit("/sign-in", login="admin", password=PASSWORD, next=place)

    assert answer.headers["location"] == "/"


def test_a_form_without_the_token_of_its_session_does_nothing(town):
    admin, other = town.visitor(Role.ADMIN), town.visitor(Role.VIEWER)
    form = {"login": "neu", "name": "新人", "role": "viewer", "password": PASSWORD}

    for token in ("", "0" * 64, other.token()):
        assert admin.post("/accounts", data={"csrf": token, **form}).status_code == 403
    strange = {"sec-fetch-site": "cross-site"}
    sent = admin.post("/accounts", data={"csrf": admin.token(), **form}, headers=strange)

    assert sent.status_code == 403
    assert accounts.of(town.office.register, "neu") is None


def test_every_answer_carries_the_headers(town):
    visitor = town.visitor(Role.VIEWER)

    for path in ("/", "/static/web/web.css", "/no-such-page", "/api/search?q=a"):
        answer = visitor.look(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_no_page_runs_what_stands_in_it(town):
    page = town.visitor(Role.ADMIN).look("/").text

    assert "<script>" not in page
    assert " style=" not in page
    assert "onclick" not in page


def test_a_session_is_httponly_and_ends_with_its_account(town):
    visitor = town.visitor(Role.VIEWER)
    before = visitor.get("/api/search?q=P0001").status_code

    kept = next(one for one in visitor.cookies.jar if one.name == COOKIE)
    accounts.close(town.office.register, "viewer", act(DAY))

    assert kept.has_nonstandard_attr("HttpOnly")
    assert before == 200
    assert visitor.get("/api/search?q=P0001").status_code == 401


def test_a_cookie_of_another_server_is_nobody(town):
    visitor = town.visitor()

    visitor.cookies.set(COOKIE, Sessions("another secret").issue(1))

    assert visitor.get("/api/search?q=P0001").status_code == 401


def test_the_session_of_a_printed_link_is_nobodys_where_there_are_accounts(town):
    visitor = town.visitor()

    visitor.cookies.set(COOKIE, town.office.sessions.issue(LOCAL))

    assert visitor.get("/api/search?q=P0001").status_code == 401
    town.office.is_local = True
    assert visitor.get("/api/search?q=P0001").status_code == 200


def test_a_sign_out_forgets_who_it_was(town):
    visitor = town.visitor(Role.VIEWER)

    visitor.submit("/sign-out")

    assert visitor.get("/api/search?q=P0001").status_code == 401


def test_after_five_wrong_passwords_even_the_right_one_waits(town):
    visitor = town.visitor()

    wrong = [visitor.submit("/sign-in", login="admin", password="错" * 10) for _ in range(5)]
    right = visitor.submit("/sign-in", login="admin", password=PASSWORD)

    assert [answer.status_code for answer in wrong] == [401] * 5
    assert right.status_code == 429
    assert accounts.noted(town.office.register)["act"].tolist() == ["sign_in_failed"] * 5


def test_waiting_ends_and_grows_with_every_further_try():
    now = [0.0]
    patience = Patience(lambda: now[0])

    for _ in range(5):
        patience.failed("login:a")
    first = patience.seconds_left("login:a", "login:b")
    now[0] += first
    patience.failed("login:a")

    assert first == 60
    assert patience.seconds_left("login:b") == 0
    assert patience.seconds_left("login:a") == 120
    patience.succeeded("login:a")
    assert patience.seconds_left("login:a") == 0


def test_the_printed_link_opens_once(town):
    town.office.entry = "secret-token"

    first = town.visitor().get("/enter?token=secret-token")
    again = town.visitor().get("/enter?token=secret-token")

    assert first.status_code == 303
    assert again.status_code == 403


# -- what they see ----------------------------------------------------------------------------


def seen(visitor):
    found = visitor.get("/api/search?q=示例地块").json()["found"]
    return {one["code"] for one in found}


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        (Role.VIEWER, {"P0000", "P0001", "P0002", "P0003"}),
        (Role.DISTRICT_EDITOR, {"P0000", "P0001", "P0002", "P0003"}),
        (Role.CITY_EDITOR, {f"P000{i}" for i in range(7)}),
    ],
)
def test_a_person_of_a_unit_finds_and_counts_its_parcels_alone(town, role, codes):
    visitor = town.visitor(role)

    counted = visitor.get(f"/api/layers/{PLOT.key}/counts").json()

    assert seen(visitor) == codes
    assert counted["total"] == len(codes)
    asked = visitor.get(f"/api/layers/{PLOT.key}/counts?unit={CHAOYANG}").json()
    assert asked["total"] == (2 if role is Role.CITY_EDITOR else 0)


def test_a_place_of_another_unit_is_empty_for_a_person_of_a_unit(town):
    place = f"/api/at?lon={116.2 + 4 * 0.003 + 0.001}&lat=40.001"

    assert town.visitor(Role.VIEWER).get(place).json()["found"] == []
    assert [one["code"] for one in town.visitor(Role.ADMIN).get(place).json()["found"]] == [
        "P0004"
    ]


def test_a_tile_holds_only_what_its_reader_may_see(town):
    path = f"/tiles/{PLOT.key}/14/13480/6202"
    answers = {role: town.visitor(role).get(path) for role in (Role.VIEWER, Role.ADMIN)}

    assert all(one.status_code == 200 for one in answers.values())
    assert len(answers[Role.VIEWER].content) < len(answers[Role.ADMIN].content)


def test_sensitive_fields_are_told_to_those_who_may_know_them(town):
    def told(role):
        found = town.visitor(role).get("/api/search?q=P0001").json()["found"]
        return {label for label, _value in found[0]["facts"]}

    assert "行业" in told(Role.DISTRICT_EDITOR)
    assert "行业" not in told(Role.VIEWER)
    assert "行业" not in told(Role.INSPECTOR)


# -- answers ----------------------------------------------------------------------------------


def test_a_tile_is_asked_again_only_when_it_changed(town):
    visitor = town.visitor(Role.ADMIN)
    path = f"/tiles/{PLOT.key}/14/13480/6202"

    first = visitor.get(path)
    again = visitor.get(path, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tiles/no_such_layer/9/421/193", 404),
        (f"/tiles/{PLOT.key}/9/421/9999", 404),
        (f"/tiles/{PLOT.key}/a/b/c", 422),
        (f"/tiles/{PLOT.key}/9/0/0", 204),
        ("/api/at?lon=999&lat=0", 422),
        ("/api/layers/no_such_layer/counts", 404),
    ],
)
def test_what_cannot_be_answered_is_said_with_its_status(town, path, status):
    answer = town.visitor(Role.ADMIN).get(path)

    assert answer.status_code == status
    assert status == 204 or "what" in (answer.json() if answer.content else {"what": ""})


def test_pages_speak_the_language_chosen(town):
    visitor = town.visitor(Role.ADMIN)

    zh = visitor.look("/accounts").text
    visitor.submit("/language", lang="en", next="/accounts")
    en = visitor.look("/accounts").text

    assert "<h1>账号</h1>" in zh
    assert "<h1>Accounts</h1>" in en
    assert 'lang="zh-CN"' in zh


# -- accounts ---------------------------------------------------------------------------------


def test_an_account_changed_keeps_its_password_and_is_a_change(register):
    before = accounts.of(register, "viewer")

    accounts.add(register, Account(0, "viewer", "改名", Role.INSPECTOR, HAIDIAN, ""), act(DAY))
    after = accounts.of(register, "viewer")

    assert after.name == "改名"
    assert after.password == before.password
    assert after.number != before.number
    assert register.changes()["kind"].iloc[-1] == "account"
    assert not register.store.verify().misfits


@pytest.mark.parametrize(
    ("login", "name", "role", "unit", "reason"),
    [
        ("ä", "名", Role.VIEWER, None, "login_unusable"),
        ("UPPER", "名", Role.VIEWER, None, "login_unusable"),
        ("neu", " ", Role.VIEWER, None, "no_name"),
        ("neu", "名", Role.DISTRICT_EDITOR, None, "unit_needed"),
        ("neu", "名", Role.ADMIN, HAIDIAN, "no_unit_for_role"),
        ("neu", "名", Role.VIEWER, None, "no_password"),
    ],
)
def test_an_account_that_means_nothing_is_refused(register, login, name, role, unit, reason):
    with pytest.raises(AccountNotUsableError) as refused:
        accounts.add(register, Account(0, login, name, role, unit, ""), act(DAY))

    assert refused.value.fields["reason"] == reason


def test_an_account_of_no_known_unit_or_name_is_refused(register):

    with pytest.raises(UnknownDistrictError):
        accounts.add(register, Account(0, "neu", "名", Role.VIEWER, "999999", "x"), act(DAY))
    with pytest.raises(UnknownAccountError):
        accounts.close(register, "nobody", act(DAY))
