"""Getting in, and what happens when the door or the server goes."""

from __future__ import annotations

import asyncio

import pytest

from gateway.demo.servers.process import free_port
from gateway.demo.servers.tryton import ADMIN
from gateway.errors import AuthError, ConfigError, Outage
from tests.connectors.tryton.conftest import Replica, administrator, execute, rows_of


async def drained(pages):
    return [page async for page in pages]


async def test_a_session_that_ends_in_the_middle_of_a_reading_is_begun_anew(server, opened, erp):
    tryton = await opened(server, {"party.party": {"page_rows": 10}})
    replica = Replica(tryton, "party.party")
    reading = tryton.pull("party.party", None)
    replica.take(await anext(reading))
    assert execute(server, "DELETE FROM ir_session WHERE create_uid != 1") == 1
    async for page in reading:
        replica.take(page)
    assert len(replica.rows) == len(await erp.read("party.party", ["id"]))
    assert not replica.repeated()


async def test_many_streams_sign_in_once(server, opened):
    tryton = await opened(server)
    before = execute(server, "UPDATE ir_session SET key = key")
    models = ("party.party", "party.category", "sale.opportunity", "product.product")
    await asyncio.gather(*(drained(tryton.pull(model, None)) for model in models))
    assert execute(server, "UPDATE ir_session SET key = key") == before + 1


async def test_no_session_stays_behind(lone_server, opened):
    tryton = await opened(lone_server)
    await drained(tryton.pull("party.category", None))
    assert execute(lone_server, "UPDATE ir_session SET key = key") == 1
    await tryton._client.close()
    assert execute(lone_server, "UPDATE ir_session SET key = key") == 0


async def test_basic_authentication_works_without_a_session(lone_server, opened):
    password = f"${{file:{lone_server.folder / 'headrace.password'}}}"
    auth = {"type": "basic", "username": "headrace", "password": password}
    tryton = await opened(lone_server, auth=auth)
    assert rows_of(await drained(tryton.pull("party.category", None)))
    assert execute(lone_server, "UPDATE ir_session SET key = key") == 0


@pytest.mark.parametrize("kind", ["session", "basic"])
async def test_a_wrong_password_is_an_auth_error_that_does_not_tell_it(
    lone_server, opened, kind, monkeypatch
):
    monkeypatch.setenv("WRONG", "not-the-password")
    auth = {"type": kind, "username": ADMIN, "password": "${env:WRONG}"}
    tryton = await opened(lone_server, auth=auth)
    with pytest.raises(AuthError) as caught:
        await drained(tryton.pull("party.party", None))
    assert "${env:WRONG}" in str(caught.value)
    assert "not-the-password" not in str(caught.value)
    (line,) = await tryton.check()
    assert not line.ok


async def test_a_locked_out_user_is_an_outage_that_says_so(lone_server, opened, monkeypatch):
    monkeypatch.setenv("WRONG", "not-the-password")
    auth = {"username": ADMIN, "password": "${env:WRONG}"}
    tryton = await opened(lone_server, auth=auth)
    for _ in range(12):
        with pytest.raises(Outage) as caught:
            await drained(tryton.pull("party.party", None))
        if caught.value.code == "login_throttled":
            break
    assert caught.value.code == "login_throttled"
    assert caught.value.after == 60.0


async def test_a_wrong_database_is_a_matter_of_configuration(server, opened):
    tryton = await opened(server, database="nobody")
    with pytest.raises(ConfigError, match="no database 'nobody'"):
        await drained(tryton.pull("party.party", None))


async def test_a_wrong_url_is_a_matter_of_configuration(server, opened):
    tryton = await opened(server, url=f"{server.url}/somewhere")
    with pytest.raises(ConfigError, match="no Tryton server"):
        await drained(tryton.pull("party.party", None))


async def test_nobody_there_is_an_outage(server, opened):
    tryton = await opened(server, url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Outage, match="cannot be reached"):
        await drained(tryton.pull("party.party", None))
    (line,) = await tryton.check()
    assert not line.ok


async def test_a_server_killed_in_the_middle_is_an_outage_and_the_reading_goes_on(
    lone_server, opened
):
    tryton = await opened(lone_server, {"party.party": {"page_rows": 10}})
    replica = Replica(tryton, "party.party")
    reading = tryton.pull("party.party", None)
    for _ in range(2):
        replica.take(await anext(reading))
    lone_server.kill()
    with pytest.raises(Outage):
        await drained(reading)
    with pytest.raises(Outage):
        await drained(tryton.pull("party.party", replica.cursors[-1]))
    await lone_server.start()
    await replica.pull()
    async with administrator(lone_server) as erp:
        assert set(replica.rows) == {row["id"] for row in await erp.read("party.party", ["id"])}
    assert not replica.repeated()


async def test_a_server_stopped_while_it_answers_is_an_outage(lone_server, opened):
    tryton = await opened(lone_server, {"sale.sale": {"fields": ["total_amount"]}})
    reading = asyncio.create_task(drained(tryton.pull("sale.sale", None)))
    await asyncio.sleep(0.12)
    lone_server.kill()
    # Depending on how far it came it is an outage, or it was already done.
    try:
        pages = await reading
    except Outage:
        return
    assert rows_of(pages)
