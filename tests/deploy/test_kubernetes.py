"""The Kubernetes manifests, as `kubectl kustomize` puts them together: valid, locked down, and of one piece."""

from __future__ import annotations

import ipaddress
import os
import re
from functools import cache
from typing import Any

import pytest
import yaml

from bridge import __version__
from bridge.config.environment import Settings
from bridge.config.loader import load
from bridge.web.server import ANSWERS_S, WORK_S
from tests.deploy.files import DEPLOY, ROOT, run

KUBERNETES = DEPLOY / "kubernetes"
RENDERED = ("base", "overlays/demo", "overlays/production", "overlays/split")
CUSTOM = {"PrometheusRule", "ServiceMonitor"}  # the Prometheus Operator's kinds have no schema here
PATHS = set(re.findall(r'Route\("(/[^"]*)"', (ROOT / "bridge" / "web" / "app.py").read_text()))

Manifest = dict[str, Any]
in_every_rendering = pytest.mark.parametrize("folder", RENDERED)
needs_kubectl = pytest.mark.needs("kubectl")


@cache
def rendered(folder: str) -> str:
    return run("kubectl", "kustomize", KUBERNETES / folder)


def manifests(folder: str, kind: str) -> dict[str, Manifest]:
    """The manifests of a kind by name."""
    found = [each for each in yaml.safe_load_all(rendered(folder)) if each["kind"] == kind]
    return {each["metadata"]["name"]: each for each in found}


def pods(folder: str) -> dict[str, Manifest]:
    """The pod templates by the name of their Deployment."""
    return {name: each["spec"]["template"] for name, each in manifests(folder, "Deployment").items()}


def selected(folder: str, selector: Manifest) -> set[str]:
    """The Deployments whose pods have these labels."""
    return {name for name, pod in pods(folder).items() if selector.items() <= pod["metadata"]["labels"].items()}


def container(pod: Manifest) -> Manifest:
    (only,) = pod["spec"]["containers"]
    found: Manifest = only
    return found


def files(pod: Manifest) -> set[str]:
    """The variables that a container reads from files, without _FILE."""
    names = [each["name"] for each in container(pod).get("env", ())]
    return {name.removesuffix("_FILE") for name in names if name.endswith("_FILE")}


def secrets(pod: Manifest) -> set[str]:
    """The Secrets that a pod mounts, without the hash of a generated one."""
    sources = [
        source["secret"]["name"]
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
    ]
    return {re.sub(r"^(bridge-[a-z]+).*", r"\1", name) for name in sources}


@needs_kubectl
@pytest.mark.needs("kubernetes-validate")
@in_every_rendering
def test_each_manifest_is_valid(folder, tmp_path):
    file = tmp_path / "rendered.yaml"
    ours = [each for each in yaml.safe_load_all(rendered(folder)) if each["kind"] not in CUSTOM]
    file.write_text(yaml.safe_dump_all(ours))
    assert len(ours) >= 5
    assert run("kubernetes-validate", "--strict", "--quiet", file) == ""


@needs_kubectl
@in_every_rendering
def test_every_pod_is_as_restricted_as_pods_can_be(folder):
    assert pods(folder)
    for pod in pods(folder).values():
        spec, security = pod["spec"], container(pod)["securityContext"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= container(pod)["resources"].keys()
    labels = manifests(folder, "Namespace")["checkly-bridge"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@needs_kubectl
@in_every_rendering
def test_the_image_is_this_release(folder):
    assert {container(pod)["image"].partition(":")[2] for pod in pods(folder).values()} == {__version__}


@needs_kubectl
@in_every_rendering
def test_a_pod_is_given_time_for_its_work_after_the_last_delivery_can_arrive(folder):
    for name, pod in pods(folder).items():
        if not name.startswith("bridge"):
            continue
        before = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert before >= 5
        assert pod["spec"]["terminationGracePeriodSeconds"] >= before + WORK_S + ANSWERS_S + 10


@needs_kubectl
@in_every_rendering
def test_probes_ask_for_paths_that_there_are(folder):
    asked = {
        container(pod)[probe]["httpGet"]["path"]
        for name, pod in pods(folder).items()
        if name.startswith("bridge")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {"/healthz", "/readyz"}
    assert asked <= PATHS


@needs_kubectl
@in_every_rendering
def test_variables_are_the_bridges_and_their_secrets_are_mounted(folder):
    of_secret = {
        "bridge-checkly": {"CHECKLY_API_KEY", "CHECKLY_ACCOUNT_ID"},
        "bridge-redis": {"REDIS_URL"},
        "bridge-senders": {"ALERTMANAGER_TOKENS", "PAGERDUTY_SIGNING_SECRETS", "ADMIN_TOKENS", "OPERATOR_TOKENS"},
    }
    for name, pod in pods(folder).items():
        if not name.startswith("bridge"):
            continue
        variables = {each["name"].removesuffix("_FILE").lower() for each in container(pod)["env"]}
        assert variables <= set(Settings.__struct_fields__)
        assert files(pod) == {variable for secret in secrets(pod) for variable in of_secret[secret]}


@needs_kubectl
@in_every_rendering
def test_the_service_leads_to_those_that_receive(folder):
    service = manifests(folder, "Service")["bridge"]
    assert selected(folder, service["spec"]["selector"]) == {"bridge"}


@needs_kubectl
@in_every_rendering
def test_services_have_both_families_where_the_cluster_has(folder):
    services = [each["spec"] for name, each in manifests(folder, "Service").items() if name != "nowhere"]
    assert {spec["ipFamilyPolicy"] for spec in services} == {"PreferDualStack"}


@needs_kubectl
@pytest.mark.parametrize("name", ["bridge-redis", "bridge-checkly"])
def test_what_may_be_connected_to_is_named_in_both_families(name):
    ((rule,),) = [manifests("overlays/production", "NetworkPolicy")[name]["spec"]["egress"]]
    networks = [ipaddress.ip_network(each["ipBlock"]["cidr"]) for each in rule["to"]]
    assert {network.version for network in networks} == {4, 6}


@needs_kubectl
@in_every_rendering
def test_every_pod_is_closed_both_ways(folder):
    policies = [each["spec"] for each in manifests(folder, "NetworkPolicy").values()]
    for direction in ("Ingress", "Egress"):
        closed = [each for each in policies if direction in each["policyTypes"]]
        covered = {name for each in closed for name in selected(folder, each["podSelector"]["matchLabels"])}
        assert covered == pods(folder).keys()
        assert [each for each in closed if each.get(direction.lower()) == [{}]] == []


@needs_kubectl
@pytest.mark.parametrize("folder", ["overlays/production", "overlays/split"])
def test_three_replicas_survive_a_drain_and_a_rollout(folder):
    autoscaler = manifests(folder, "HorizontalPodAutoscaler")["bridge"]["spec"]
    assert autoscaler["minReplicas"] == 3
    deployments = manifests(folder, "Deployment")
    assert "replicas" not in deployments["bridge"]["spec"], "it would fight the autoscaler"
    for name, deployment in deployments.items():
        budget = manifests(folder, "PodDisruptionBudget")[name]["spec"]
        assert budget["maxUnavailable"] == 1
        assert selected(folder, budget["selector"]["matchLabels"]) == {name}
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [selected(folder, each["labelSelector"]["matchLabels"]) for each in spread] == [{name}, {name}]


@needs_kubectl
def test_pagerduty_never_gets_404():
    (rule,) = manifests("overlays/production", "Ingress")["bridge"]["spec"]["rules"]
    backends = {(path["path"], path["pathType"]): path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert backends == {("/webhooks/pagerduty", "Exact"): "bridge", ("/", "Prefix"): "nowhere"}
    assert "selector" not in manifests("overlays/production", "Service")["nowhere"]["spec"]


@needs_kubectl
def test_split_roles_have_only_what_they_need():
    roles = {name: container(pod)["args"][-1] for name, pod in pods("overlays/split").items()}
    assert roles == {"bridge": "receiver", "bridge-reconciler": "reconciler"}
    assert {name: secrets(pod) for name, pod in pods("overlays/split").items()} == {
        "bridge": {"bridge-redis", "bridge-senders"},
        "bridge-reconciler": {"bridge-redis", "bridge-checkly"},
    }
    policies = manifests("overlays/split", "NetworkPolicy")
    reaches_checkly = policies["bridge-checkly"]["spec"]["podSelector"]["matchLabels"]
    assert selected("overlays/split", reaches_checkly) == {"bridge-reconciler"}
    entries = [
        source["podSelector"]["matchLabels"]
        for policy in policies.values()
        if "bridge-reconciler" in selected("overlays/split", policy["spec"]["podSelector"]["matchLabels"])
        for entry in policy["spec"].get("ingress", ())
        for source in entry["from"]
    ]
    assert entries == [{"app.kubernetes.io/name": "prometheus"}]
    services = manifests("overlays/split", "Service")
    assert selected("overlays/split", services["bridge-reconciler"]["spec"]["selector"]) == {"bridge-reconciler"}


@needs_kubectl
@pytest.mark.parametrize(("overlay", "asks"), [("production", "bridge"), ("split", "bridge-reconciler")])
def test_the_overlay_of_the_how_to_lets_out_who_asks_senders_and_gives_it_the_key(tmp_path, overlay, asks):
    page = (ROOT / "docs" / "how-to" / "heal.md").read_text()
    ours, for_split = (yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[1:])
    here = os.path.relpath(DEPLOY, tmp_path.resolve())
    ours["resources"] = [f"{here}/kubernetes/overlays/{overlay}"]
    ours["components"] = [each.replace("../deploy", here) for each in ours["components"]]
    if overlay == "split":
        ours["patches"][0]["target"]["name"] = asks
        ours["patches"] += for_split
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(ours))
    found = list(yaml.safe_load_all(run("kubectl", "kustomize", tmp_path)))
    policy = next(each["spec"] for each in found if each["metadata"]["name"] == "bridge-healing")
    pods = {each["metadata"]["name"]: each["spec"]["template"] for each in found if each["kind"] == "Deployment"}
    labels = policy["podSelector"]["matchLabels"].items()
    assert {name for name, pod in pods.items() if labels <= pod["metadata"]["labels"].items()} == {asks}
    assert [(rule["ports"], len(rule["to"])) for rule in policy["egress"]] == [([{"port": 9093}], 1)]
    keys = {name for name, pod in pods.items() if "PAGERDUTY_API_TOKEN" in files(pod)}
    assert keys == {asks}
    assert "bridge-checkly" in secrets(pods[asks])


@needs_kubectl
@pytest.mark.parametrize("folder", ["overlays/demo", "overlays/production", "overlays/split"])
def test_what_a_pod_mounts_is_in_the_overlay(folder):
    known = {*manifests(folder, "ConfigMap"), *manifests(folder, "PersistentVolumeClaim")}
    mounted = {
        volume.get("configMap", {}).get("name") or volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(folder).values()
        for volume in pod["spec"]["volumes"]
        if "projected" not in volume
    }
    assert mounted == known


@pytest.mark.parametrize("file", sorted(DEPLOY.rglob("bridge.yaml")), ids=lambda file: file.parent.name)
def test_the_configuration_in_the_overlay_is_valid(file):
    config = load(file)
    assert config.routes[0].name == "watchdog"


def test_the_how_to_makes_the_namespace_before_the_secrets():
    text = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text()
    command = "kubectl apply -f deploy/kubernetes/base/namespace.yaml"
    name = yaml.safe_load((ROOT / command.rsplit(maxsplit=1)[-1]).read_text())["metadata"]["name"]
    assert text.index(command) < text.index(f"kubectl -n {name} create secret")
