"""The scripts that databases tell of themselves by, with stand-ins for the databases' own clients."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from probe_scripts import SCRIPTS, ask

from harness.core import process, resources
from harness.core.errors import ToolFailed
from harness.workloads.database_probe import integrity_of, lines, parts_of

CONSUL = r"""#!/bin/sh
case "$1 $2" in
"kv export") printf '[\n\t{\n\t\t"key": "a\\"key\\": b",\n\t\t"flags": 0\n\t},\n\t{\n\t\t"key": "c"\n\t}\n]\n' ;;
"kv get" | "kv put" | "kv delete") ;;
"members -status=alive") printf 'Node Address Status\nc-0 10.0.0.7:8301 alive\nc-1 10.0.0.8:8301 alive\n' ;;
"snapshot save") for file; do :; done; echo snapshot >"$file" ;;
"snapshot inspect") [ -z "${DAMAGED:-}" ] || { printf 'hash\tis\nwrong\n' >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def consul(tmp_path: Path) -> Path:
    """A folder with a client of Consul."""
    program = tmp_path / "bin" / "consul"
    program.parent.mkdir()
    program.write_text(CONSUL)
    program.chmod(0o755)
    return program.parent


def test_a_script_tells_in_lines_that_can_be_read(consul: Path) -> None:
    (name, part), *_ = parts_of(lines(ask(consul, "digest"))).items()
    assert (name, part.rows) == ("keys", 2)
    assert lines(ask(consul, "newest")) == ()
    assert integrity_of(lines(ask(consul, "check"))).sound == 1


def test_the_other_servers_of_a_cluster_are_told_by_their_addresses(consul: Path) -> None:
    assert lines(ask(consul, "peers")) == (("peer", "10.0.0.7"), ("peer", "10.0.0.8"))
    assert lines(ask(consul, "probe")) == ()


MYSQL = r"""#!/bin/sh
[ -z "${DOWN:-}" ] || exit 1
case "$*" in
*PROCESSLIST*)
    printf '7\troot\t10.0.0.9:40000\tNULL\tQuery\t0\tinit\tSHOW PROCESSLIST\n'
    printf '8\treplication\t10.0.0.8:41000\tNULL\tBinlog Dump GTID\t9\tx\tNULL\n' ;;
*REPLICA*) printf 'Waiting\tdb-0.db\treplication\t3306\t1\tb.1\t4\tr.1\t4\tb.1\t%s\tYes\n' "${RECEIVES:-Yes}" ;;
esac
"""


def test_an_index_is_told_with_its_prefix_and_in_the_older_form_without(tmp_path: Path) -> None:
    program, log = tmp_path / "mysql", tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$*" >>{log}\ncase "$*" in *LOWER*) echo "\\`sub_part\\`" ;; esac\n')
    program.chmod(0o755)
    told = []
    for words in (("digest",), ("digest", "1"), ("write", str(tmp_path / "fingerprint"))):
        log.write_text("")
        ask(tmp_path, *words, script="mysql")
        told.append([line for line in log.read_text().splitlines() if "CAST(index_name" in line])
    new, old, written = ("CAST(`sub_part` AS BINARY)" in "".join(lines) for lines in told)
    assert (new, old, written) == (True, False, True)
    assert (tmp_path / "fingerprint").read_text().split("\t")[1] == "2"


def test_who_replicates_from_a_mysql_and_from_whom_it_does(tmp_path: Path) -> None:
    program = tmp_path / "mysql"
    program.write_text(MYSQL)
    program.chmod(0o755)
    assert lines(ask(tmp_path, "peers", script="mysql")) == (("peer", "10.0.0.8"), ("peer", "db-0.db"))
    assert lines(ask(tmp_path, "peers", script="mysql", RECEIVES="No")) == (("peer", "10.0.0.8"),)
    with pytest.raises(ToolFailed):  # one that cannot be asked has not told that there is nobody
        ask(tmp_path, "peers", script="mysql", DOWN="yes")


def test_damage_is_told_on_one_line(consul: Path) -> None:
    assert integrity_of(lines(ask(consul, "check", DAMAGED="yes"))).damaged == ("snapshot: hash is wrong ",)


def test_a_fingerprint_is_written_whole_or_not_at_all(consul: Path, tmp_path: Path) -> None:
    file = tmp_path / "fingerprint"
    ask(consul, "write", str(file))
    head, _, rest = file.read_text().partition("\n")
    assert head.split("\t")[:3] == ["drillproof-fingerprint", "1", "consul"]
    assert rest == ask(consul, "digest")
    assert file.stat().st_mode & 0o077 == 0
    (consul / "consul").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ToolFailed):
        ask(consul, "write", str(file))
    assert file.read_text().startswith(head)  # the old one still, with its old time
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("fingerprint")] == ["fingerprint"]


@pytest.mark.parametrize("name", ["mysql", "postgres", "consul"])
def test_each_script_says_what_it_can_be_asked(consul: Path, name: str) -> None:
    for program in ("mysql", "psql"):
        (consul / program).symlink_to("consul")
    with pytest.raises(ToolFailed, match="say one of: write FILE, ready, digest, newest, check") as error:
        ask(consul, "nonsense", script=name)
    assert error.value.exit_code == 64
    process.run(["sh", "-n", SCRIPTS / f"{name}.sh"])


BUSY = "Unexpected response code: 500 (cannot take snapshot now, wait until the configuration entry has been applied)"


def refusing_once(consul: Path, message: str) -> None:
    """Let the client refuse the first snapshot with a message."""
    client = consul / "consul"
    refusal = f'"snapshot save") [ -e "$0.asked" ] || {{ : >"$0.asked"; echo "{message}" >&2; exit 1; }}\n    '
    client.write_text(client.read_text().replace('"snapshot save") ', refusal))


def back_up(consul: Path, to: Path) -> None:
    script = resources.fixtures() / "consul" / "dump" / "scripts" / "backup.sh"
    path = f"{consul}{os.pathsep}{os.environ['PATH']}"
    process.run(["sh", str(script), str(to)], env={"PATH": path, "POD_NAMESPACE": "shop"})


def test_a_snapshot_is_saved_again_if_consul_has_not_yet_applied_a_change(consul: Path, tmp_path: Path) -> None:
    refusing_once(consul, BUSY)
    back_up(consul, tmp_path / "good.snap")
    assert (tmp_path / "good.snap").read_text() == "snapshot\n"
    (consul / "consul.asked").unlink()
    assert integrity_of(lines(ask(consul, "check"))).sound == 1


def test_a_snapshot_that_fails_for_another_reason_fails_the_hook_at_once(consul: Path, tmp_path: Path) -> None:
    refusing_once(consul, "No cluster leader")
    with pytest.raises(ToolFailed, match="No cluster leader"):
        back_up(consul, tmp_path / "good.snap")
    assert not (tmp_path / "good.snap").exists()
