"""What can be done to Consul after a restore. Statements are of the form in `harness.workloads.consul.statement`.

What Raft holds is healed by a snapshot of before: many objects have an id and a time that cannot be given to new ones.
It takes back new writes, too, so a sabotage that a new write shall notice is either healed by hand, or lets none pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.core.model import Operation
from harness.core.reason import Reason
from harness.evidence.ledger import ACKNOWLEDGED, Workload
from harness.selftest.mutation import Act, Sabotage, Why

FIRST, SECOND, THIRD = SERVERS = ("consul-0", "consul-1", "consul-2")
BESIDE = "consul-backup-0"
"""A pod of the deployment that no sabotage touches."""

ANY = "export CONSUL_HTTP_ADDR=http://consul.$POD_NAMESPACE.svc:8500; "
SAVE = Act(BESIDE, f"$ {ANY}consul snapshot save /tmp/good.snap")
RESTORE = Act(BESIDE, f"$ {ANY}consul snapshot restore /tmp/good.snap")
REBUILD = Act(BESIDE, "$ sh /scripts/recover.sh /tmp/good.snap")
"""Into servers that have lost all: the recovery itself, with the snapshot of before."""

DATA, HEALTH, LEDGER, MONEY, WRITE = "data-equal", "members-healthy", "ledger-kept", "transfers-whole", "new-write"

ANONYMOUS = "00000000-0000-0000-0000-000000000002"
AUDITOR = "5b1f0f3e-6f0a-4d5c-9a52-0d9d3a6c1a02"
GOSSIP_KEY = "bm90aGluZyBpcyBwcm90ZWN0ZWQgYnkgdGhpcyBrZXk="
PUBLIC_KEY = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEN68cayof43mrP0a2XPKbGioEyNVF\n"
    "25oMfBtDs4utiKNiXwQ1zopezgZP+xFH8+qVdCjsSr+nwTIG8/KxvVcX8A==\n"
    "-----END PUBLIC KEY-----\n"
)

LDAP: dict[str, object] = {"Node": "ldap-1", "SkipNodeUpdate": True}
LDAP_SERVICE: dict[str, object] = {
    "ID": "ldap-primary",
    "Service": "ldap",
    "Tags": ["primary", "tls"],
    "Address": "192.0.2.17",
    "Port": 636,
    "Meta": {"realm": "custos"},
    "Weights": {"Passing": 10, "Warning": 1},
}
SPLITTER: dict[str, object] = {"Kind": "service-splitter", "Name": "custos-tenant"}
INTENTIONS: dict[str, object] = {"Kind": "service-intentions", "Name": "custos-tenant"}
NEAREST: dict[str, object] = {"Name": "nearest-vault", "DNS": {"TTL": "10s"}}
NEAREST_SERVICE: dict[str, object] = {"Service": "vault", "OnlyPassing": True, "Tags": ["active"]}


def _raft(name: str, why: Why, *statements: str, check: str = DATA, also: tuple[str, ...] = ()) -> Sabotage:
    """Something that Raft holds and every server shows."""
    spoil = (SAVE, *(Act(SECOND, statement) for statement in statements))
    return Sabotage(
        name=name,
        check=check,
        why=why,
        also=also,
        spoil=spoil,
        heal=(RESTORE,),
    )


def _refused(name: str, *statements: str, check: str, reason: Reason, also: tuple[str, ...]) -> Sabotage:
    """As `_raft`, and no new write is taken any more."""
    spoil = (SAVE, *(Act(SECOND, statement) for statement in statements))
    return Sabotage(
        name=name,
        check=check,
        why=Why(reason),
        also=also,
        spoil=spoil,
        heal=(RESTORE,),
        writes=True,
    )


def _put(path: str, **body: object) -> str:
    return f"PUT {path} {json.dumps(body)}"


def _altered(key: str, change: str = "s/^[^A]/A/;t;s/^A/B/") -> str:
    """A key's value with its base64 changed by sed; by itself, the first six bits, and so the length is kept."""
    return f"$ k={key}; consul kv put -base64 $k $(consul kv get -base64 $k | sed '{change}')"


def _deleted() -> Operation:
    """The newest write to the first key of the ledger that is deleted, if all are acknowledged from the first on."""
    workload = Workload(1, "consul")
    newest: dict[str, Operation] = {}
    while True:
        operation = workload.next()
        workload.answered(operation, ACKNOWLEDGED)
        if operation.verb == "delete":
            return newest[operation.key]
        newest[operation.key] = operation


def _entry(operation: Operation) -> str:
    return f"PUT kv/drillproof/ledger/{operation.key} {json.dumps({'n': operation.n, 'value': operation.value})}"


ROW = "k=$(consul kv get -keys drillproof/ledger/ | sed -n 3p)"
"""Some key of the ledger, of which it is only known that it is there."""


def _keys() -> Iterator[Sabotage]:
    core, two = "kv vault/core", "a=vault/core/master b=vault/core/mounts"
    yield _raft("a key gone", Why(Reason.RowsMissing, core), "DELETE kv/vault/core/keyring")
    yield _raft(
        "a byte of a value changed, its length kept",
        Why(Reason.RowsDiffer, core),
        _altered("vault/core/auth"),
    )
    yield _raft(
        "a value cut",
        Why(Reason.RowsDiffer, core),
        "$ consul kv put vault/core/audit $(consul kv get -base64 vault/core/audit | head -c 40)",
    )
    yield _raft("a value emptied", Why(Reason.RowsDiffer, core), "PUT kv/vault/core/audit")
    yield _raft(
        "two values swapped",
        Why(Reason.RowsDiffer, core),
        f"$ {two}; x=$(consul kv get -base64 $a) y=$(consul kv get -base64 $b);"
        " consul kv put -base64 $a $y && consul kv put -base64 $b $x",
    )
    yield _raft(
        "a key renamed",
        Why(Reason.RowsDiffer, core),
        "$ consul kv put -base64 vault/core/seal $(consul kv get -base64 vault/core/seal-config)",
        "DELETE kv/vault/core/seal-config",
    )
    yield _raft(
        "a key in another case",
        Why(Reason.RowsDiffer, core),
        "$ consul kv put -base64 vault/core/Master $(consul kv get -base64 vault/core/master)",
        "DELETE kv/vault/core/master",
    )
    yield _raft(
        "a key moved to another folder",
        Why(Reason.RowsMissing, core, "kv vault/sys"),
        "$ consul kv put -base64 vault/sys/master $(consul kv get -base64 vault/core/master)",
        "DELETE kv/vault/core/master",
    )
    yield _raft("a key extra", Why(Reason.RowsUnexpected, core), "PUT kv/vault/core/stranger x")
    yield _raft("a key with nothing in it extra", Why(Reason.RowsUnexpected, core), "PUT kv/vault/core/empty")
    yield _raft("a folder's own key extra", Why(Reason.RowsUnexpected, core), "PUT kv/vault/core/hsm/")
    yield _raft(
        "a flag changed",
        Why(Reason.RowsDiffer, core),
        "$ consul kv put -flags=3 -base64 vault/core/auth $(consul kv get -base64 vault/core/auth)",
    )
    yield _raft("a folder gone", Why(Reason.PartMissing, core), "DELETE kv/vault/core/?recurse=")
    yield _raft("a folder extra", Why(Reason.PartUnexpected, "kv stranger/a"), "PUT kv/stranger/a/b x")
    yield _raft("all of Vault gone", Why(Reason.PartMissing, "kv vault/sys"), "DELETE kv/vault/?recurse=")
    yield _raft("another lineage", Why(Reason.RowsDiffer, "kv drillproof"), "PUT kv/drillproof/lineage x")


def _access() -> Iterator[Sabotage]:
    read = "{acl/policy/name/custos-read:ID}"
    described: dict[str, object] = {
        "ID": read,
        "Name": "custos-read",
        "Description": "{acl/policy/name/custos-read:Description}",
    }
    policies, roles, tokens = "acl policies", "acl roles", "acl tokens"
    wider = 'key_prefix "" { policy = "write" }'
    rules = (
        'key_prefix "" { policy = "read" }\nservice_prefix "" { policy = "read" }\nnode_prefix "" { policy = "read" }\n'
    )
    yield _raft(
        "a policy's rules",
        Why(Reason.DefinitionDiffers, policies),
        _put(f"acl/policy/{read}", **described, Rules=wider, Datacenters=["dc1"]),
    )
    yield _raft(
        "a policy for all datacenters",
        Why(Reason.DefinitionDiffers, policies),
        _put(f"acl/policy/{read}", **described, Rules=rules),
    )
    yield _raft(
        "a policy's description",
        Why(Reason.DefinitionDiffers, policies),
        _put(f"acl/policy/{read}", ID=read, Name="custos-read", Rules=rules, Datacenters=["dc1"]),
    )
    yield _raft(
        "a policy gone",
        Why(Reason.DefinitionDiffers, policies),
        "DELETE acl/policy/{acl/policy/name/deny-core:ID}",
    )
    yield _raft(
        "a policy extra",
        Why(Reason.DefinitionDiffers, policies),
        _put("acl/policy", Name="stranger", Rules=wider),
    )
    yield _raft(
        "a policy made anew, just as it was",
        Why(Reason.DefinitionDiffers, policies),
        "DELETE acl/policy/{acl/policy/name/deny-core:ID}",
        _put("acl/policy", Name="deny-core", Rules='key_prefix "vault/core/" { policy = "deny" }\n'),
    )
    vault = "{acl/role/name/vault:ID}"
    yield _raft("a role gone", Why(Reason.DefinitionDiffers, roles), f"DELETE acl/role/{vault}")
    yield _raft(
        "a role without its policy",
        Why(Reason.DefinitionDiffers, roles),
        _put(f"acl/role/{vault}", ID=vault, Name="vault"),
    )
    yield _raft("a role extra", Why(Reason.DefinitionDiffers, roles), _put("acl/role", Name="stranger"))
    yield _raft("a token gone", Why(Reason.DefinitionDiffers, tokens), f"DELETE acl/token/{AUDITOR}")
    yield _raft(
        "a token's description",
        Why(Reason.DefinitionDiffers, tokens),
        f"$ consul acl token update -accessor-id {AUDITOR} -description x",
    )
    yield _raft(
        "a token with one policy more",
        Why(Reason.DefinitionDiffers, tokens),
        f"$ consul acl token update -accessor-id {AUDITOR} -append-policy-name deny-core",
    )
    yield _raft(
        "a token's secret",
        Why(Reason.DefinitionDiffers, tokens),
        f"DELETE acl/token/{AUDITOR}",
        _put(
            "acl/token",
            AccessorID=AUDITOR,
            SecretID="c0ffee00-0009-4a00-8a00-000000000009",
            Description="auditor; known data of a drill, protects nothing",
            Policies=[{"Name": "custos-read"}],
            Roles=[{"Name": "auditor"}],
        ),
    )
    yield _raft(
        "a token that expires",
        Why(Reason.DefinitionDiffers, tokens),
        _put("acl/token", Description="for a day", ExpirationTTL="24h"),
    )
    yield _raft(
        "a token extra",
        Why(Reason.DefinitionDiffers, tokens),
        "$ consul acl token create -policy-name global-management",
    )
    yield _raft(
        "rights for anybody",
        Why(Reason.DefinitionDiffers, tokens),
        f"$ consul acl token update -accessor-id {ANONYMOUS} -append-policy-name global-management",
    )
    yield _raft(
        "an auth method extra",
        Why(Reason.DefinitionDiffers, "acl auth methods"),
        _put("acl/auth-method", Name="stranger", Type="jwt", Config={"JWTValidationPubKeys": [PUBLIC_KEY]}),
    )
    yield _raft(
        "a way in for whoever shows a token of another's",
        Why(Reason.DefinitionDiffers, "acl binding rules"),
        _put("acl/auth-method", Name="stranger", Type="jwt", Config={"JWTValidationPubKeys": [PUBLIC_KEY]}),
        _put("acl/binding-rule", AuthMethod="stranger", BindType="role", BindName="vault"),
    )


def _definitions() -> Iterator[Sabotage]:
    even = [{"Weight": 50, "ServiceSubset": "v1"}, {"Weight": 50, "ServiceSubset": "v2"}]
    iam: dict[str, object] = {"Name": "custos-iam", "Description": "tenants are read by IAM"}
    nobody: dict[str, object] = {"Name": "*", "Action": "deny"}
    yield _raft(
        "a config entry gone",
        Why(Reason.DefinitionDiffers, "config service-splitter"),
        "DELETE config/service-splitter/custos-tenant",
    )
    yield _raft(
        "weights of a splitter",
        Why(Reason.DefinitionDiffers, "config service-splitter"),
        _put("config", **SPLITTER, Splits=even),
    )
    yield _raft(
        "a config entry's metadata",
        Why(Reason.DefinitionDiffers, "config service-defaults"),
        _put("config", Kind="service-defaults", Name="custos-tenant", Protocol="http", Meta={"owner": "x"}),
    )
    yield _raft(
        "the defaults of all proxies",
        Why(Reason.DefinitionDiffers, "config proxy-defaults"),
        _put("config", Kind="proxy-defaults", Name="global", Config={"protocol": "http"}, Meta={"owner": "custos"}),
    )
    yield _raft(
        "a router extra",
        Why(Reason.DefinitionDiffers, "config service-router"),
        _put("config", Kind="service-router", Name="custos-tenant"),
    )
    yield _raft(
        "a mesh entry extra",
        Why(Reason.DefinitionDiffers, "config mesh"),
        _put("config", Kind="mesh", TransparentProxy={"MeshDestinationsOnly": True}),
    )
    yield _raft(
        "an intention from allow to deny",
        Why(Reason.DefinitionDiffers, "config service-intentions"),
        _put("config", **INTENTIONS, Sources=[iam | {"Action": "deny"}, nobody]),
    )
    yield _raft(
        "an intention from deny to allow",
        Why(Reason.DefinitionDiffers, "config service-intentions"),
        _put("config", **INTENTIONS, Sources=[iam | {"Action": "allow"}, nobody | {"Action": "allow"}]),
    )
    yield _raft(
        "an intention gone",
        Why(Reason.DefinitionDiffers, "config service-intentions"),
        _put("config", **INTENTIONS, Sources=[iam | {"Action": "allow"}]),
    )
    query, queries = "{query[nearest-vault]:ID}", "prepared queries"
    yield _raft("a prepared query gone", Why(Reason.DefinitionDiffers, queries), f"DELETE query/{query}")
    yield _raft(
        "where a prepared query fails over to",
        Why(Reason.DefinitionDiffers, queries),
        _put(f"query/{query}", **NEAREST, Service=NEAREST_SERVICE | {"Failover": {"NearestN": 3}}),
    )
    yield _raft(
        "a prepared query with a token of its own",
        Why(Reason.DefinitionDiffers, queries),
        _put(f"query/{query}", **NEAREST, Token=AUDITOR, Service=NEAREST_SERVICE | {"Failover": {"NearestN": 2}}),
    )
    yield _raft(
        "a prepared query extra",
        Why(Reason.DefinitionDiffers, queries),
        'POST query {"Name": "stranger", "Service": {"Service": "x"}}',
    )


def _catalog() -> Iterator[Sabotage]:
    ldap = "catalog node ldap-1"
    check = {"Node": "ldap-1", "CheckID": "ldap-bind", "Name": "binds as custos", "ServiceID": "ldap-primary"}
    notes = {"Notes": "set by the monitor, not by an agent"}
    yield _raft(
        "an external node gone", Why(Reason.PartMissing, "catalog node smtp"), _put("catalog/deregister", Node="smtp")
    )
    yield _raft(
        "an external node extra",
        Why(Reason.PartUnexpected, "catalog node stranger"),
        _put("catalog/register", Node="stranger", Address="192.0.2.66"),
    )
    yield _raft(
        "an external node's address",
        Why(Reason.DefinitionDiffers, "catalog node smtp"),
        _put("catalog/register", Node="smtp", Address="192.0.2.66"),
    )
    yield _raft(
        "an external service's port",
        Why(Reason.DefinitionDiffers, ldap),
        _put("catalog/register", **LDAP, Address="-", Service=LDAP_SERVICE | {"Port": 389}),
    )
    yield _raft(
        "an external service's tags",
        Why(Reason.DefinitionDiffers, ldap),
        _put("catalog/register", **LDAP, Address="-", Service=LDAP_SERVICE | {"Tags": ["primary"]}),
    )
    yield _raft(
        "an external service gone",
        Why(Reason.DefinitionDiffers, ldap),
        _put("catalog/deregister", Node="ldap-1", ServiceID="ldap-primary"),
    )
    yield _raft(
        "an external check that fails",
        Why(Reason.DefinitionDiffers, ldap),
        _put("catalog/register", **LDAP, Address="-", Check=check | notes | {"Status": "critical"}),
    )
    yield Sabotage(
        name="a service extra on a server of ours",
        check=DATA,
        why=Why(Reason.DefinitionDiffers, "catalog node consul-1"),
        spoil=(Act(SECOND, _put("agent/service/register", Name="vault", Port=8200)),),
        heal=(Act(SECOND, "PUT agent/service/deregister/vault"),),
    )


def _operator() -> Iterator[Sabotage]:
    yield _raft(
        "dead servers are not cleaned up",
        Why(Reason.DefinitionDiffers, "autopilot"),
        "$ consul operator autopilot set-config -cleanup-dead-servers=false",
    )
    yield _raft(
        "certificates that live shorter",
        Why(Reason.DefinitionDiffers, "connect ca settings"),
        _put("connect/ca/configuration", Provider="consul", Config={"LeafCertTTL": "24h"}),
    )
    yield _raft(
        "the root of all certificates rotated",
        Why(Reason.DefinitionDiffers, "connect ca"),
        _put("connect/ca/configuration", Provider="consul", Config={"PrivateKeyType": "rsa", "PrivateKeyBits": 2048}),
    )
    yield Sabotage(
        name="a gossip key extra",
        check=DATA,
        why=Why(Reason.DefinitionDiffers, "gossip keys"),
        spoil=(Act(FIRST, _put("operator/keyring", Key=GOSSIP_KEY).replace("PUT", "POST")),),
        heal=(Act(FIRST, _put("operator/keyring", Key=GOSSIP_KEY).replace("PUT", "DELETE")),),
    )
    yield Sabotage(
        name="a server that lends its token to whoever has none",
        check=DATA,
        why=Why(Reason.DefinitionDiffers, "own settings"),
        member=THIRD,
        spoil=(Act(THIRD, '$ consul acl set-agent-token default "$CONSUL_HTTP_TOKEN"'),),
        heal=(Act(THIRD, '$ consul acl set-agent-token default ""'),),
    )
    yield Sabotage(
        name="a server in maintenance",
        check=HEALTH,
        why=Why(Reason.CheckFailing, "check _node_maintenance"),
        member=SECOND,
        also=(DATA,),
        spoil=(Act(SECOND, "PUT agent/maintenance?enable=true"),),
        heal=(Act(SECOND, "PUT agent/maintenance?enable=false"),),
    )
    stranger = (
        "cd /tmp && (consul agent -config-file=/consul/config/server.json -node=stranger"
        " -node-id=7d1c2f60-3b1e-4a57-9a53-0c7a5f2e4b66 -data-dir=/tmp/stranger -server-port=9300 -serf-lan-port=9301"
        " -serf-wan-port=-1 -http-port=9500 -dns-port=-1 -grpc-tls-port=-1 -bind=$POD_IP -retry-join=$POD_IP:8301"
        " >/tmp/stranger.log 2>&1 &)"
    )
    yield Sabotage(
        name="a fourth server",
        check=HEALTH,
        why=Why((Reason.VotersDiffer, Reason.ServerNotVoting), "stranger"),
        also=(DATA,),
        spoil=(
            Act(THIRD, f"$ {stranger}"),
            Act(THIRD, "$ until consul operator raft list-peers | grep stranger; do sleep 0.2; done"),
        ),
        heal=(Act(THIRD, "$ consul leave -http-addr=http://127.0.0.1:9500; rm -rf /tmp/stranger"),),
    )
    remove = (
        "$ consul operator raft remove-peer -address=$(consul operator raft list-peers | awk '/^consul-2/ {print $3}')"
    )
    yield Sabotage(
        name="a server that is no peer any more",
        check=HEALTH,
        why=Why(Reason.VotersDiffer, "consul-2"),
        also=(DATA, LEDGER, MONEY),
        spoil=(Act(FIRST, remove),),
        heal=(Act(THIRD, "$ (sleep 0.5; kill 1) >/dev/null 2>&1 &"),),
    )
    yield Sabotage(
        name="all data directories lost under running servers",
        check=HEALTH,
        why=Why(Reason.WaitsForRestore),
        also=(DATA, LEDGER, MONEY, WRITE),
        restarts=True,
        spoil=(SAVE, *(Act(server, "$ rm -rf /consul/data/*") for server in SERVERS)),
        heal=(REBUILD,),
    )


def _ledger() -> Iterator[Sabotage]:
    yield _raft(
        "a row of the ledger gone",
        Why(Reason.AcknowledgedWriteLost),
        f"$ {ROW}; consul kv delete $k",
        check=LEDGER,
        also=(MONEY,),
    )
    yield _raft(
        "a row of the ledger altered",
        Why(Reason.WriteAltered),
        f"$ {ROW}; consul kv put $k x",
        check=LEDGER,
        also=(MONEY,),
    )
    yield _raft(
        "a flag on a row of the ledger",
        Why(Reason.WriteAltered),
        f"$ {ROW}; consul kv put -flags=1 -base64 $k $(consul kv get -base64 $k)",
        check=LEDGER,
        also=(MONEY,),
    )
    yield _raft(
        "a row of the ledger from nowhere",
        Why(Reason.WriteUnexpected),
        _entry(Operation(1, "put", "nowhere", "1-nothing")),
        check=LEDGER,
    )
    yield _raft("a deleted row of the ledger back", Why(Reason.WriteResurrected), _entry(_deleted()), check=LEDGER)
    yield _raft(
        "the whole ledger gone",
        Why(Reason.AcknowledgedWriteLost),
        "DELETE kv/drillproof/ledger/?recurse=",
        check=LEDGER,
        also=(MONEY,),
    )


def _money() -> Iterator[Sabotage]:
    account = "kv/drillproof/accounts/"
    less = "k=drillproof/accounts/checking/0; consul kv put $k $(($(consul kv get $k) - 7))"
    more = "k=drillproof/accounts/checking/1; consul kv put $k $(($(consul kv get $k) + 7))"
    yield _raft(
        "money that left and never arrived",
        Why(Reason.BalanceSumDiffers, "account checking/0"),
        f"$ {less}",
        check=MONEY,
    )
    yield _raft(
        "money on another account",
        Why(Reason.BalanceDiffers, "account checking/0", "account checking/1"),
        f"$ {less}; {more}",
        check=MONEY,
    )
    yield _raft(
        "an account gone", Why(Reason.AccountMissing, "account savings/7"), f"DELETE {account}savings/7", check=MONEY
    )
    yield _raft(
        "an account extra", Why(Reason.AccountUnexpected, "account savings/8"), f"PUT {account}savings/8 0", check=MONEY
    )
    yield _raft(
        "an account without a number",
        Why(Reason.DataCorrupted, "account savings/7"),
        f"PUT {account}savings/7 x",
        check=MONEY,
    )
    yield _raft(
        "a flag on an account",
        Why(Reason.DataCorrupted, "account savings/7"),
        f"$ k={account[3:]}savings/7; consul kv put -flags=1 $k $(consul kv get $k)",
        check=MONEY,
    )


def _writes() -> Iterator[Sabotage]:
    yield _refused(
        "no account takes money",
        "DELETE kv/drillproof/accounts/?recurse=",
        check=WRITE,
        reason=Reason.WriteNotCommitted,
        also=(MONEY,),
    )
    yield _refused(
        "closed to clients",
        "DELETE kv/drillproof/lineage",
        check=WRITE,
        reason=Reason.WriteNotCommitted,
        also=(HEALTH, DATA),
    )


CATALOGUE: tuple[Sabotage, ...] = (
    *_keys(),
    *_access(),
    *_definitions(),
    *_catalog(),
    *_operator(),
    *_ledger(),
    *_money(),
    *_writes(),
)
