import httpx
import pytest

from bridge.checkly.errors import Gone, NotSent, Unauthorized, UnknownOutcome
from bridge.checkly.paging import entries
from bridge.sandbox.errors import envelope
from tests.unit.checkly.helpers import ClientFor, Handler

PATH = "/v1/status-pages/incidents"


def pages(*answers: object) -> tuple[Handler, list[dict[str, str]]]:
    """A list that answers these pages one after the other, the last for ever, and the queries it got."""
    queries: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        queries.append(dict(request.url.params))
        return httpx.Response(200, json=answers[min(len(queries), len(answers)) - 1])

    return answer, queries


def page(ids: str, next_id: str | None) -> dict[str, object]:
    return {"length": len(ids), "entries": [{"id": id_} for id_ in ids], "nextId": next_id}


async def test_the_cursor_is_followed_and_an_entry_counts_once(client_for: ClientFor) -> None:
    handler, queries = pages(page("ab", "1"), page("bc", "2"), page("d", None))
    assert [entry["id"] for entry in await entries(client_for(handler), PATH)] == ["a", "b", "c", "d"]
    assert queries == [{"limit": "100"}, {"limit": "100", "nextId": "1"}, {"limit": "100", "nextId": "2"}]


@pytest.mark.parametrize("end", [{"nextId": None}, {"nextId": ""}, {}])
async def test_the_list_ends_without_a_cursor(client_for: ClientFor, end: dict[str, object]) -> None:
    handler, queries = pages({"entries": [{"id": "a"}], **end})
    assert len(await entries(client_for(handler), PATH)) == 1
    assert len(queries) == 1


async def test_a_repeating_cursor_ends_the_list(client_for: ClientFor) -> None:
    handler, queries = pages(page("a", "1"), page("b", "2"), page("c", "1"))
    assert len(await entries(client_for(handler), PATH)) == 3
    assert len(queries) == 3


async def test_an_endless_list_is_left_after_fifty_pages(client_for: ClientFor) -> None:
    calls = []

    def endless(_: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(200, json={"entries": [{"id": str(len(calls))}], "nextId": str(len(calls))})

    assert len(await entries(client_for(endless), PATH)) == 50


async def test_entries_that_are_none_are_passed_over(client_for: ClientFor) -> None:
    handler, _ = pages({"entries": [None, 1, "x", {}, {"id": None}, {"id": "a"}]})
    assert await entries(client_for(handler), PATH) == [{"id": "a"}]


@pytest.mark.parametrize("answer", [None, "ok", [], {}, {"entries": None}, {"error": "odd"}])
async def test_what_is_not_a_list_is_not_taken_for_an_empty_one(client_for: ClientFor, answer: object) -> None:
    handler, _ = pages(answer)
    with pytest.raises(UnknownOutcome):
        await entries(client_for(handler), PATH)


@pytest.mark.parametrize("answer", [httpx.Response(404, json=envelope(404)), httpx.Response(410, html="<p>Gone</p>")])
async def test_a_list_that_is_gone_says_what_that_may_mean(client_for: ClientFor, answer: httpx.Response) -> None:
    with pytest.raises(Gone, match="account id right, or has Checkly retired /v1/status-pages"):
        await entries(client_for(lambda _: answer), PATH)


async def test_other_errors_and_the_guard_pass_through(client_for: ClientFor) -> None:
    with pytest.raises(Unauthorized):
        await entries(client_for(lambda _: httpx.Response(401)), PATH)
    with pytest.raises(NotSent):
        await entries(client_for(pages(page("a", None))[0]), PATH, guard=lambda: False)
