"""The demo's project is a valid one, and keeps its secrets to itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.demo.project import TEMPLATE, add_archive, write_project
from gateway.demo.servers.process import ServerError
from gateway.pipeline.assembly import assemble

VALUES = {
    "erp_url": "http://127.0.0.1:8000",
    "shop_url": "postgresql://gateway@127.0.0.1:5432/shop",
    "model_url": "http://127.0.0.1:8080",
    "api_port": "8400",
}
SECRETS = {"erp": "swordfish", "shop": "barracuda"}


def test_the_project_loads_and_compiles(tmp_path: Path) -> None:
    write_project(tmp_path / "project", values=VALUES, secrets=SECRETS)
    assembly = assemble(load(tmp_path / "project"))
    contracts = {str(stream): plan.mapping.contract for stream, plan in assembly.streams.items()}
    assert contracts == {
        "erp/party.party": "customer.v1",
        "erp/sale.opportunity": "opportunity.v1",
        "erp/sale.sale": "order.v1",
        "shop/accounts": "customer.v1",
        "shop/payments": "payment.history.v1",
        "shop/tickets": "ticket.v1",
    }
    assert len(assembly.routes) == 5


def test_a_stream_is_added_and_every_other_line_stays(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    write_project(folder, values=VALUES, secrets=SECRETS)
    before = (folder / "headrace.yaml").read_text().splitlines()
    add_archive(folder)
    after = (folder / "headrace.yaml").read_text().splitlines()
    left = iter(after)
    assert all(line in left for line in before)
    streams = {str(stream): plan.mapping for stream, plan in assemble(load(folder)).streams.items()}
    assert len(streams) == 7
    assert streams["shop/payments_archive"].contract == "payment.history.v1"


def test_a_project_file_without_the_place_for_it_is_said(tmp_path: Path) -> None:
    write_project(tmp_path, values=VALUES, secrets=SECRETS)
    (tmp_path / "headrace.yaml").write_text("sources: {}\n")
    with pytest.raises(ServerError, match="endpoints"):
        add_archive(tmp_path)


def test_secrets_are_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    write_project(tmp_path / "project", values=VALUES, secrets=SECRETS)
    for name, secret in SECRETS.items():
        path = tmp_path / "project" / "secrets" / name
        assert path.read_text() == secret
        assert path.stat().st_mode & 0o777 == 0o600
    written = (tmp_path / "project" / "headrace.yaml").read_text()
    assert not any(secret in written for secret in SECRETS.values())


def test_a_new_project_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    write_project(tmp_path / "project", values=VALUES, secrets=SECRETS)
    (tmp_path / "project" / ".headrace").mkdir()
    write_project(tmp_path / "project", values=VALUES, secrets=SECRETS)
    assert not (tmp_path / "project" / ".headrace").exists()


def test_a_mark_without_a_value_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_project(tmp_path / "project", values={}, secrets=SECRETS)
    assert "@erp_url@" in (TEMPLATE / "headrace.yaml").read_text()
