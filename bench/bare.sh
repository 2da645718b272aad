#!/usr/bin/env bash
# The steps of a drill as a bare script of docker, kind, velero and kubectl commands: what the harness is measured
# against. No ledger, no digests, no journal, no verdict. Prints `STEP SECONDS` for each step.
# Wants: DOCKER KIND KUBECTL VELERO NODE_IMAGE MINIO_IMAGE VELERO_IMAGE PLUGIN_IMAGE CLUSTERS FIXTURES SECRETS
# (lines `store key value`) SEED_COMMAND
set -euo pipefail
name=drillproof-bare
work=$(mktemp -d)
export KUBECONFIG=$work/kubeconfig
ns=custos

clean() {
  "$KIND" delete cluster --name $name >/dev/null 2>&1 || true
  "$DOCKER" rm --force --volumes $name-minio >/dev/null 2>&1 || true
  "$DOCKER" network rm $name >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT
clean; mkdir -p "$work"

begun=$(date +%s%3N)
step() { local now; now=$(date +%s%3N); awk "BEGIN {print \"$1\", ($now - $begun) / 1000}"; begun=$(date +%s%3N); }
pods_ready() {
  until [ "$("$KUBECTL" -n $ns get pods --no-headers | wc -l)" = 10 ]; do sleep 0.5; done
  "$KUBECTL" -n $ns wait --for=condition=Ready pod --all --timeout=600s >/dev/null
}

"$DOCKER" network create --subnet 10.212.7.0/24 --ip-range 10.212.7.0/26 --label drillproof=bare $name >/dev/null
"$DOCKER" run --detach --pull=never --name $name-minio --label drillproof=bare --network $name --ip 10.212.7.200 \
  --dns=127.0.0.1 --env=MINIO_ROOT_USER=bare --env=MINIO_ROOT_PASSWORD=bare-bare-bare --env=MINIO_UPDATE=off \
  --entrypoint sh "$MINIO_IMAGE" -c 'mkdir -p /data/velero && exec minio server /data' >/dev/null
(cd "$CLUSTERS" && KIND_EXPERIMENTAL_DOCKER_NETWORK=$name "$KIND" create cluster --quiet --name $name \
  --image "$NODE_IMAGE" --config kind.yaml --kubeconfig "$KUBECONFIG" --wait 0s)
"$KUBECTL" wait --for=condition=Ready node --all --timeout=180s >/dev/null
"$KUBECTL" -n kube-system rollout status deployment/coredns --timeout=180s >/dev/null
printf '[default]\naws_access_key_id=bare\naws_secret_access_key=bare-bare-bare\n' >"$work/credentials"
"$VELERO" install --provider aws --image "$VELERO_IMAGE" --plugins "$PLUGIN_IMAGE" --bucket velero \
  --secret-file "$work/credentials" --use-node-agent --use-volume-snapshots=false --uploader-type restic --item-block-worker-count 4 --wait \
  --backup-location-config region=minio,s3ForcePathStyle=true,s3Url=http://10.212.7.200:9000 >/dev/null 2>&1
"$KUBECTL" -n velero rollout status daemonset/node-agent --timeout=180s >/dev/null
"$KUBECTL" -n velero wait --for=jsonpath='{.status.phase}'=Available backupstoragelocation/default --timeout=60s >/dev/null
step up

"$KUBECTL" create namespace $ns >/dev/null
"$KUBECTL" -n $ns create configmap first-start --from-literal=allowed=yes >/dev/null
"$KUBECTL" -n $ns label configmap first-start velero.io/exclude-from-backup=true >/dev/null
while read -r store key value; do
  mkdir -p "$work/secrets/$store"
  printf '%s' "$value" >"$work/secrets/$store/$key"
done <<<"$SECRETS"
for store in mysql postgres consul; do
  "$KUBECTL" -n $ns create secret generic $store-credentials --from-file="$work/secrets/$store" >/dev/null
  "$KUBECTL" -n $ns apply -k "$FIXTURES/$store/dump" >/dev/null
done
pods_ready
step deploy

eval "$SEED_COMMAND"
step seed

"$VELERO" backup create bare --include-namespaces $ns --wait >/dev/null 2>&1
step backup

"$KUBECTL" delete namespace $ns >/dev/null
step break

"$VELERO" restore create bare --from-backup bare --wait >/dev/null 2>&1
for pod in mysql-primary-0 postgres-primary-0 consul-backup-0; do
  until "$KUBECTL" -n $ns exec "$pod" -- sh -c true >/dev/null 2>&1; do sleep 0.5; done
  "$KUBECTL" -n $ns exec "$pod" -- sh -c 'exec $(command -v bash || echo sh) /scripts/recover.sh' >/dev/null &
done
wait
pods_ready
step restore
