"""The page's files: how they are served; what they do is for tests/browser."""

from importlib.resources import files

import pytest

from tests.unit.api.house import House

NAMES = sorted(file.name for file in files("bestfill_api").joinpath("web").iterdir())


async def test_the_page_may_load_nothing_but_its_own_files(api: House) -> None:
    answer = await api.http.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")


async def test_every_file_is_served_as_what_it_is(api: House) -> None:
    types = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
    for name in NAMES:
        answer = await api.http.get(f"/web/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == types[name.rpartition(".")[2]]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_file_that_has_not_changed_is_not_sent_again(api: House) -> None:
    tag = (await api.http.get("/")).headers["etag"]
    again = await api.http.get("/", headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await api.http.get("/", headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpage.py", "%2e%2e/page.py", "", "../web/../page.py", "page.py"])
async def test_nothing_else_is_served(api: House, name: str) -> None:
    answer = await api.http.get(f"/web/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
