"""The object store: MinIO in its own container, with its own volume, so that it outlives the cluster."""

import json
import secrets
import socket
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups.object_store import BUCKET, ObjectStore
from harness.clusters.docker import LABEL, Docker
from harness.clusters.network import Network
from harness.core.wait import NotYet, until

_PORT = "9000/tcp"
_ADDRESS = 250  # fixed, so that it survives a restart of the container


@dataclass
class Minio:
    """MinIO on the drill's network. Its credentials are random, and live in its container's environment only."""

    docker: Docker
    network: Network
    image: str

    def __post_init__(self) -> None:
        self.name = f"{self.network.name}-minio"  # of the container
        self.volume = f"{self.network.name}-store"

    def up(self) -> ObjectStore:
        """Start it if need be, and return when its bucket exists. Misconfigured if something else has its name."""
        self.docker.require_ours("container", self.name, self.network.cluster)
        self.docker.require_ours("volume", self.volume, self.network.cluster)
        if self.exists():
            self.docker("start", self.name)
        else:
            self._create()
        store = self._store()
        until(lambda: _make_bucket(store), waited_for=f"MinIO at {store.outside}", within_s=60, every_s=0.3)
        return store

    def exists(self) -> bool:
        """Whether its container exists, with our label."""
        return self.docker.label("container", self.name) == self.network.cluster

    def down(self) -> None:
        """Remove it with all backups in it, if drillproof created it."""
        if self.exists():
            self.docker("rm", "--force", "--volumes", self.name)
        if self.docker.label("volume", self.volume) == self.network.cluster:
            self.docker("volume", "rm", self.volume)

    def _create(self) -> None:
        mine = f"--label={LABEL}={self.network.cluster}"
        self.docker("volume", "create", mine, self.volume)
        # Chosen here and not by the engine, which would choose another one whenever the container is started again.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        keys = {"MINIO_ROOT_USER": secrets.token_hex(8), "MINIO_ROOT_PASSWORD": secrets.token_hex(20)}
        # No resolver and no updates: it needs nothing outside.
        self.docker(
            *("run", "--detach", "--pull=never", "--name", self.name, mine, "--dns=127.0.0.1"),
            *(f"--network={self.network.name}", f"--ip={self.network.address(_ADDRESS)}"),
            f"--publish=127.0.0.1:{port}:9000",
            *("--volume", f"{self.volume}:/data", "--env=MINIO_ROOT_USER", "--env=MINIO_ROOT_PASSWORD"),
            *("--env=MINIO_UPDATE=off", "--env=MINIO_BROWSER=off", "--entrypoint=minio", self.image),
            *("server", "/data"),
            secrets=keys,
        )

    def _store(self) -> ObjectStore:
        found = json.loads(self.docker("container", "inspect", self.name))[0]
        env = dict(line.split("=", 1) for line in found["Config"]["Env"])
        port = found["NetworkSettings"]["Ports"][_PORT][0]["HostPort"]
        return ObjectStore(
            inside=f"http://{self.network.address(_ADDRESS)}:9000",
            outside=f"http://127.0.0.1:{port}",
            bucket=BUCKET,
            access_key=env["MINIO_ROOT_USER"],
            secret_key=env["MINIO_ROOT_PASSWORD"],
        )


def _make_bucket(store: ObjectStore) -> None:
    client = store.client()
    try:
        if BUCKET not in (bucket.get("Name") for bucket in client.list_buckets()["Buckets"]):
            client.create_bucket(Bucket=BUCKET)
    except (BotoCoreError, ClientError) as error:
        raise NotYet(str(error)) from error
