"""A small application of a user: a file and plain manifests, as text that tests damage."""

from __future__ import annotations

from pathlib import Path

FILE = """
name = "shop"
manifests = "manifests"
strategy = "dump"

[objectives]
rto_s = 120

[[store]]
kind = "mysql"
members = ["db-0"]
container = "server"
password = { secret = "db", key = "root-password" }
databases = ["shop"]
"""

SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {root-password: correct-horse, user: till-clerk}
"""  # noqa: S105 # known to all, and protects nothing

DATABASE = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  template:
    metadata:
      annotations:
        backup.velero.io/backup-volumes: dump
        pre.hook.backup.velero.io/command: '["/dump.sh"]'
    spec:
      containers:
        - name: server
          image: mysql:9.7
          env:
            - {name: MYSQL_DATABASE, value: shop}
            - name: MYSQL_ROOT_PASSWORD
              valueFrom: {secretKeyRef: {name: db, key: root-password}}
          volumeMounts: [{name: dump, mountPath: /dump}]
        - name: exporter
          image: example.org/exporter:latest
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], storageClassName: gp3, resources: {requests: {storage: 1Gi}}}
    - metadata: {name: dump}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{name: web, image: "nginx:1", imagePullPolicy: Always}]
      volumes: [{name: uploads, persistentVolumeClaim: {claimName: uploads}}]
"""


def write(folder: Path, **texts: str) -> Path:
    """The application's file; `texts` replace it (`file`), or one of its manifests, which are left out if empty."""
    manifests = {"secret": SECRET, "database": DATABASE, "web": WEB} | texts
    (folder / "manifests").mkdir()
    for name, text in manifests.items():
        if text and name != "file":
            (folder / "manifests" / f"{name}.yaml").write_text(text)
    path = folder / "shop.toml"
    path.write_text(texts.get("file", FILE))
    return path
