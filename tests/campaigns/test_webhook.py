"""Telling somebody: that it arrives, is tried again, is signed, and that no address is ever written out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import sample_runs
from receiver import Receiver
from receiver import receiver as receiver  # noqa: PLC0414 # a fixture
from schemas import wrong

from harness.campaigns.schedule.notification import Webhook, message, parse, signature
from harness.checks.trust import believed
from harness.cli import app as cli
from harness.core.errors import HarnessError, Misconfigured


def test_it_is_told_json(receiver: Receiver) -> None:
    Webhook(receiver.url).send({"text": "é"})
    ((headers, _),) = receiver.told
    assert receiver.documents == [{"text": "é"}]
    assert headers["Content-Type"] == "application/json"
    assert "X-Drillproof-Signature" not in headers


def test_what_it_is_told_is_signed(receiver: Receiver) -> None:
    Webhook(receiver.url, b"s3cret").send({"text": "x"})
    ((headers, body),) = receiver.told
    signed = f"{headers['X-Drillproof-Timestamp']}.{headers['X-Drillproof-Delivery']}.".encode() + body
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Drillproof-Signature"] == f"sha256={expected}"


def documented_receiver() -> Callable[[bytes, Mapping[str, str], bytes], bool]:
    """The check that the documentation gives to receivers."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "notifications.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    made: dict[str, Callable[[bytes, Mapping[str, str], bytes], bool]] = {}
    exec(code, made)  # noqa: S102 # the code is a part of this repository
    return made["is_genuine"]


def test_a_receiver_that_follows_the_documentation_refuses_every_change(receiver: Receiver) -> None:
    """A captured message with another delivery number would count as another message."""
    Webhook(receiver.url, b"s3cret").send({"text": "x"})
    ((headers, body),) = receiver.told
    genuine = documented_receiver()
    assert genuine(b"s3cret", headers, body)
    assert not genuine(b"other", headers, body)
    assert not genuine(b"s3cret", headers, body + b" ")
    for name in ("X-Drillproof-Delivery", "X-Drillproof-Timestamp", "X-Drillproof-Signature"):
        last = headers[name][-1]
        changed = {**headers, name: headers[name][:-1] + ("0" if last != "0" else "1")}
        assert not genuine(b"s3cret", changed, body), name
        assert not genuine(b"s3cret", {key: value for key, value in headers.items() if key != name}, body), name
    old = str(int(headers["X-Drillproof-Timestamp"]) - 3600)
    signed = signature(b"s3cret", old, headers["X-Drillproof-Delivery"], body)
    late = {**headers, "X-Drillproof-Timestamp": old, "X-Drillproof-Signature": signed}
    assert not genuine(b"s3cret", late, body)


def test_a_chat_program_reads_no_markup_in_a_message(tmp_path: Path) -> None:
    """Slack reads `<!channel>` and `<https://..|text>` in `text`, unless `&`, `<` and `>` are escaped."""
    run = sample_runs.hostile(tmp_path / "run")
    run.judged["scenario"] = "<!channel> <https://evil.example|ok> & so on\x1b\u202e"
    run.write()
    text = message([believed(tmp_path / "run")])["text"]
    assert isinstance(text, str)
    assert "&lt;!channel&gt; &lt;https://evil.example|ok&gt; &amp; so on" in text
    assert not set("<>\x1b\u202e") & set(text)


@pytest.mark.parametrize("code", [500, 503, 429])
def test_it_is_told_again_under_the_same_number(receiver: Receiver, code: int) -> None:
    receiver.answers = [code, code]
    Webhook(receiver.url).send({"text": "x"}, within_s=2)
    assert len(receiver.told) == 3
    assert len({headers["X-Drillproof-Delivery"] for headers, _ in receiver.told}) == 1


@pytest.mark.parametrize("code", [301, 307, 400, 404])
def test_what_is_refused_for_good_is_not_tried_again(receiver: Receiver, code: int) -> None:
    receiver.answers = [code]
    with pytest.raises(HarnessError, match=f"it answered {code}"):
        Webhook(receiver.url).send({"text": "x"})
    assert len(receiver.told) == 1


def test_it_is_tried_until_its_time_is_over(receiver: Receiver) -> None:
    receiver.answers = [500] * 100
    with pytest.raises(HarnessError, match="it answered 500") as error:
        Webhook(receiver.url).send({"text": "x"}, within_s=0.5)
    assert 2 <= len(receiver.told) < 20
    assert "hush" not in str(error.value)


def test_no_address_is_written_out() -> None:
    hook = Webhook("http://user:hush@127.0.0.1:1/hush?token=hush", b"hush")
    with pytest.raises(HarnessError, match=r"http://127\.0\.0\.1:1") as error:
        hook.send({}, within_s=0.1)
    seen: BaseException | None = error.value
    while seen:
        assert "hush" not in str(seen)
        seen = seen.__cause__
    assert "hush" not in repr(hook)


@pytest.mark.parametrize("url", ["ftp://x", "hooks.example.org", "http://", "http://[", "https://x:y/", "http://a b"])
def test_what_is_no_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Misconfigured, match="--webhook") as error:
        parse(url, None)
    assert url not in str(error.value).replace("http(s)://HOST/PATH", "")


def test_a_secret_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for file, said in (("none", "No such file"), ("empty", "empty")):
        with pytest.raises(Misconfigured, match=said):
            parse("https://x", tmp_path / file)
    with pytest.raises(Misconfigured, match="--webhook"):
        parse(None, tmp_path / "empty")


@pytest.mark.parametrize(
    ("sample", "code"), [(sample_runs.passed, 0), (sample_runs.failed, 1), (sample_runs.broken_off, 2)]
)
def test_notify_sends_the_result_of_a_run(
    sample: type[object], code: int, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sample_runs.__dict__[sample.__name__](tmp_path / "namespace_loss")
    monkeypatch.setattr(
        "harness.checks.judge.is_current", lambda _: True
    )  # the sample's findings are not made by the judge
    monkeypatch.setenv("DRILLPROOF_WEBHOOK", receiver.url)
    assert cli.main(["notify", run.name, "--runs", str(tmp_path)]) == code
    (told,) = receiver.documents
    assert told["verdict"] == ("pass", "fail", "unknown")[code]
    assert told["text"].startswith(f"{told['verdict'].upper()} namespace_loss, RTO")
    assert told["job"] is None
    assert wrong("message", told) == []


def test_nobody_to_tell_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["notify", "--runs", str(tmp_path)]) == 64
    assert "--webhook" in capsys.readouterr().err
