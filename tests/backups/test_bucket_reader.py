"""The bucket of others: what is asked of it over the wire, and what a user is told that it will not do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.config import Config
from nightly import Nightly, copy, good
from types_boto3_s3.client import S3Client

from harness.backups import bucket_reader
from harness.backups.bucket_reader import (
    BucketLocation,
    BucketReader,
    Credentials,
    StoredObject,
    differences,
    fingerprint,
)
from harness.cli import app as cli
from harness.clusters import local
from harness.core.errors import Misconfigured


@dataclass
class Store:
    """As much of an object store as is needed, and every request that it got."""

    things: dict[str, bytes] = field(default_factory=dict)
    refuses: str = ""  # the code of the error that everything is answered with
    asked: list[str] = field(default_factory=list)
    url: str = ""

    bucket = "theirs"

    def client(self) -> S3Client:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="a",
            aws_secret_access_key="b",  # noqa: S106 # of a store that takes any
            region_name="x",
            config=Config(s3={"addressing_style": "path"}),
        )


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, code: int, body: bytes, **headers: str) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = parse_qs(address.query)
            found.asked.append(f"GET {'list' if 'list-type' in query else 'object'}")
            if found.refuses:
                body = f"<Error><Code>{found.refuses}</Code><Message>no</Message></Error>".encode()
                self._answer(404 if found.refuses == "NoSuchBucket" else 403, body)
                return
            _, bucket, key = unquote(address.path).split("/", 2) if address.path.count("/") > 1 else ("", "", "")
            if "list-type" in query:
                prefix = query.get("prefix", [""])[0]
                rows = "".join(
                    f"<Contents><Key>{key}</Key><Size>{len(value)}</Size><ETag>&quot;{len(value)}e&quot;</ETag>"
                    "<LastModified>2026-01-02T03:01:00Z</LastModified></Contents>"
                    for key, value in sorted(found.things.items())
                    if key.startswith(prefix)
                )
                self._answer(
                    200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()
                )
            elif bucket and key in found.things:
                self._answer(200, found.things[key], ETag='"x"')
            else:
                self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>")

        def do_PUT(self) -> None:
            found.asked.append("PUT")
            key = unquote(urlsplit(self.path).path).split("/", 2)[2]
            found.things[key] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, b"", ETag='"x"')

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 # the standard library's name

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def at(store: Store, prefix: str = "") -> BucketReader:
    return BucketReader(BucketLocation("theirs", prefix, store.url), Credentials("key", "other-secret"))


def test_a_bucket_is_listed_below_its_prefix(store: Store) -> None:
    store.things = {"team/velero/backups/x": b"12", "other": b""}
    assert at(store, "team/velero").listing() == {"backups/x": StoredObject(2, '"2e"')}
    assert at(store, "team/velero").read("backups/x") == b"12"


def test_nothing_is_ever_asked_of_the_source_but_to_list_and_to_read(store: Store) -> None:
    store.things = {f"backups/{n}": b"x" * n for n in range(20)}
    ours = Store(url=store.url)  # its requests are counted with the source's; they are the PUTs
    found = at(store)
    assert found.copy(found.listing().keys(), ours) == sum(range(20))
    assert set(store.asked) - {"PUT"} == {"GET list", "GET object"}
    assert store.things["backups/7"] == b"x" * 7


REFUSALS = (
    ("InvalidAccessKeyId", r"the credentials are wrong \(InvalidAccessKeyId\)"),
    ("SignatureDoesNotMatch", "the credentials are wrong"),
    ("AccessDenied", "s3:ListBucket and s3:GetObject are enough"),
    ("NoSuchBucket", "does not exist"),
)


@pytest.mark.parametrize(("code", "said"), REFUSALS)
def test_what_the_bucket_refuses_is_one_line_that_says_what_to_do(store: Store, code: str, said: str) -> None:
    store.refuses = code
    with pytest.raises(Misconfigured, match=said) as error:
        at(store).listing()
    assert "theirs at http://127.0.0.1" in str(error.value)
    assert "\n" not in str(error.value)
    assert "other-secret" not in str(error.value)


def test_a_store_that_nobody_answers_for_is_named() -> None:
    nobody = BucketReader(BucketLocation("theirs", "", "http://127.0.0.1:1"), Credentials("key", "other-secret"))
    with pytest.raises(Misconfigured, match=r"127\.0\.0\.1:1"):
        nobody.listing()


def test_an_object_that_went_meanwhile_is_told(store: Store) -> None:
    with pytest.raises(Misconfigured, match=r"cannot give backups/x: .*NoSuchKey"):
        at(store).copy(["backups/x"], store)


def test_credentials_are_read_from_veleros_own_file(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = key%1\naws_secret_access_key=se=cret\naws_session_token=t\n")
    assert bucket_reader.read_credentials(file, {}) == Credentials("key%1", "se=cret", "t")
    assert "se=cret" not in repr(bucket_reader.read_credentials(file, {}))


def test_credentials_come_from_the_environment_else() -> None:
    env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert bucket_reader.read_credentials(None, env) == Credentials("a", "b")


BAD_FILES = ("", "[other]\naws_access_key_id=x\n", "aws_access_key_id=x\n", "[default]\naws_access_key_id=x\n")


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_file_without_credentials_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(Misconfigured, match=r"tmp|c needs a section|cannot be read") as error:
        bucket_reader.read_credentials(tmp_path / "c", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    assert "\n" not in str(error.value)


def test_no_credentials_at_all_is_refused_with_how_to_give_them() -> None:
    with pytest.raises(Misconfigured, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file"):
        bucket_reader.read_credentials(None, {})


def test_every_difference_of_two_listings_is_seen() -> None:
    before = {
        "a": StoredObject(1, "x"),
        "b": StoredObject(1, "x"),
        "c": StoredObject(1, "x"),
        "d": StoredObject(1, "x"),
    }
    after = {"a": StoredObject(1, "x"), "b": StoredObject(2, "x"), "c": StoredObject(1, "y"), "e": StoredObject(1, "x")}
    assert differences(before, after) == {
        "b": "b was changed",
        "c": "c was changed",
        "d": "d is gone",
        "e": "e was added",
    }
    assert fingerprint(before) == fingerprint(dict(reversed(before.items()))) != fingerprint(after)


# ---------------------------------------------------------------- the command


def prove(store: Store, runs: Path, *words: str) -> int:
    return cli.main(["prove", "--bucket", "theirs", "--endpoint", store.url, "--runs", str(runs), *words])


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials, and no machine that a cluster could be made on."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setattr(local, "prepare", lambda *_: pytest.fail("a cluster was about to be made"))


def asked_for_nothing(_: Store) -> None: ...


def refusing(store: Store) -> None:
    store.refuses = "SignatureDoesNotMatch"


def running(store: Store) -> None:
    store.things = Nightly().backup(phase="InProgress").things


def without_secret(store: Store) -> None:
    store.things = good(secrets=[]).things


def without_database(store: Store) -> None:
    store.things = good(pods=[]).things


REFUSED_BEFORE = (
    (asked_for_nothing, "holds no backup of Velero's"),
    (refusing, "the credentials are wrong"),
    (running, "is still running"),
    (without_secret, "lacks Secrets"),
    (without_database, "--database KIND=NAMESPACE/POD"),
)


@pytest.mark.usefixtures("env")
@pytest.mark.parametrize(("spoil", "said"), REFUSED_BEFORE)
def test_what_cannot_be_proved_ends_with_64_and_one_line_before_anything_is_made(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Store], None],
    said: str,
) -> None:
    spoil(store)
    assert prove(store, tmp_path / "runs", "--quiet") == 64
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = [line for line in err.splitlines() if "signing" not in line]
    assert said in line
    assert not (tmp_path / "runs").exists()


def test_without_credentials_nobody_is_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    assert prove(store, tmp_path) == 64
    assert "AWS_SECRET_ACCESS_KEY" in capsys.readouterr().err
    assert store.asked == []


@pytest.mark.usefixtures("env")
def test_a_disk_without_room_is_refused(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.things = good(copies=[copy(size=10**18)]).things
    assert prove(store, tmp_path / "runs", "--quiet") == 64
    assert "XDG_CACHE_HOME" in capsys.readouterr().err
