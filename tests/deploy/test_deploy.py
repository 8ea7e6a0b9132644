"""Prove that containers, units and pods set what there is to set, and start what can be started."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cambist.cli.local_cluster.plan import DRAIN_MS_MAX
from cambist.config import load
from tests.deploy.deploy_files import (
    KUBERNETES,
    ROOT,
    SYSTEMD,
    commands_in,
    compose,
    objects,
    ours,
    parse,
    pods,
    unit,
)

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
DRAIN_S = DRAIN_MS_MAX // 1_000
UNITS = sorted(SYSTEMD.glob("*.service"))
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HEALTH = {"/health", "/health/live", "/health/ready"}


def test_what_services_of_compose_are_told_is_what_they_take(tmp_path: Path) -> None:
    services = compose()["services"]
    engines = [service for service in services.values() if service["image"].startswith("cambist:")]
    assert len(engines) == 3
    for engine in engines:
        parse(engine["command"])
        given = ours(engine["environment"])
        role = "role" if "--role" in engine["command"] else None
        chosen = {"role": engine["command"][2]} if role else {}
        assert load(given, tmp_path, chosen).settings.log_format
    settings = load(ours(services["worker"]["environment"]), tmp_path, {}).settings
    assert settings.database_url == "postgresql://cambist:0123abcd@postgres:5432/cambist"
    assert settings.redis_url == "redis://:4567cdef@valkey:6379/0"
    assert services["valkey"]["command"][-2:] == ["--requirepass", "4567cdef"]


EXACT = re.compile(r"[\w./-]+:\d+(\.\d+)+[\w.-]*(@sha256:[0-9a-f]{64})?")


def test_every_image_is_named_by_an_exact_tag() -> None:
    named = [one["image"] for one in compose()["services"].values()]
    named += [box["image"] for _, pod in pods() for box in pod["spec"]["containers"]]
    named += re.findall(r"^FROM (?!\$)(\S+)", DOCKERFILE, re.MULTILINE)
    assert len(named) >= 9
    for image in named:
        assert EXACT.fullmatch(image), image
    # One publishes no versions; the page says how it is pinned.
    assert re.findall(r"^ARG RUNTIME=(\S+)", DOCKERFILE, re.MULTILINE) == [
        "gcr.io/distroless/python3-debian12:nonroot"
    ]
    page = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    assert "--build-arg RUNTIME=" in page


def test_services_wait_for_what_can_be_seen_to_be_ready() -> None:
    told = compose()
    services = told["services"]
    for name, one in services.items():
        for other, how in one.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy", name
            assert "healthcheck" in services[other], other
        assert set(one["networks"]) <= set(told["networks"]), name
        for volume in one.get("volumes", ()):
            assert volume.partition(":")[0] in told["volumes"], name
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ())), name
        assert one.get("read_only") or name == "postgres"
    assert told["networks"]["back"]["internal"]
    assert "ports" not in services["worker"]
    assert services["worker"]["deploy"]["replicas"] == 2
    assert int(services["api"]["stop_grace_period"].rstrip("s")) >= DRAIN_S


def test_no_password_stands_in_any_file() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    assert text.count("${POSTGRES_PASSWORD:?") == text.count("POSTGRES_PASSWORD:?")
    for line in text.splitlines():
        if "PASSWORD:" in line and "${" not in line:
            pytest.fail(line)
    for path in (*KUBERNETES.glob("*"), *SYSTEMD.glob("*")):
        assert not re.search(r"://[^/\s]+:[^/\s]+@", path.read_text("utf-8")), path
    assert not [one for one in objects() if one["kind"] == "Secret"]


def test_commands_that_the_files_advise_can_be_given() -> None:
    found = list(commands_in((ROOT / "compose.yaml").read_text("utf-8")))
    assert found
    for words in found:
        parse([word for word in words if not word.startswith("#")])


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [one for words in copied for one in words.split()]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source.split("/")[0], one) for one in kept), source
    for words in re.findall(r"pip install .*", DOCKERFILE):
        assert "--require-hashes" in words or "--no-deps" in words
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert not re.search(r"^RUN ", last, re.MULTILINE)
    assert re.search(r"^USER 65532:65532$", last, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in last
    assert "'/health/live'" in last
    assert 'CMD ["serve"]' in last


@pytest.mark.parametrize("name", ["run", "image"])
def test_every_requirement_of_the_image_has_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_what_can_be_started(path: Path, tmp_path: Path) -> None:
    said = unit(path)
    (words,) = said["ExecStart"]
    parse(words.replace("%i", "3101").split()[1:])
    shared = unit(SYSTEMD / "cambist.env")
    given = {name: values[0] for name, values in shared.items() if name.startswith("CAMBIST_")}
    given |= dict(one.split("=", 1) for one in said["Environment"])
    assert load(given, tmp_path, {}).settings.home == "/var/lib/cambist"
    assert said["RestartPreventExitStatus"] == ["75 78"]
    assert int(said["TimeoutStopSec"][0]) >= DRAIN_S
    for other in " ".join(said.get("Wants", [])).split():
        assert (SYSTEMD / other).exists()


HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectProc": "invisible",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_may_do_little(path: Path) -> None:
    said = unit(path)
    assert {name: said[name][0] for name in HARDENED} == HARDENED
    assert said["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert re.fullmatch(r"\d+[MG]", said["MemoryMax"][0])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_reads_a_unit_and_finds_little_exposed(path: Path, tmp_path: Path) -> None:
    # Verified where its program is: the unit names the place of an installation.
    copy = tmp_path / path.name
    words = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", path.read_text("utf-8"))
    copy.write_text(words, "utf-8")
    read = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert path.stem not in read.stderr, read.stderr
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert found is not None
    assert float(found[1]) < 2


def test_a_pod_starts_what_can_be_started_with_what_it_takes(tmp_path: Path) -> None:
    found = objects()
    maps = {one["metadata"]["name"]: one["data"] for one in found if one["kind"] == "ConfigMap"}
    names = [name for name, _ in pods()]
    assert sorted(names) == ["api", "paper-chain", "worker"]
    for name, pod in pods():
        (box,) = pod["spec"]["containers"]
        parse(box["args"])
        given = {}
        for one in box.get("envFrom", ()):
            given |= maps[one["configMapRef"]["name"]]
        for one in box["env"]:
            source = one.get("valueFrom", {})
            if "configMapKeyRef" in source:
                ref = source["configMapKeyRef"]
                given[one["name"]] = maps[ref["name"]][ref["key"]]
            elif "secretKeyRef" in source:
                assert source["secretKeyRef"]["name"] == "cambist"
                scheme = "redis" if "REDIS" in one["name"] else "postgresql"
                given[one["name"]] = f"{scheme}://me@host:1/0"
            else:
                given[one["name"]] = one.get("value", "192.0.2.1")
        role = {} if name == "paper-chain" else {"role": name}
        assert load(given, tmp_path, role).settings.home == "/srv/cambist/home"
        mounts = {one["name"] for one in box["volumeMounts"]}
        claims = {"home"} if name == "paper-chain" else set()
        assert mounts == {one["name"] for one in pod["spec"].get("volumes", ())} | claims


def test_a_pod_is_watched_and_may_do_little() -> None:
    for name, pod in pods():
        (box,) = pod["spec"]["containers"]
        ports = {one["name"] for one in box["ports"]}
        for probe in PROBES:
            if probe not in box:
                continue
            (way,) = (box[probe][one] for one in ("httpGet", "tcpSocket") if one in box[probe])
            assert way["port"] in ports
            assert way.get("path", "/health") in HEALTH
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        limits = box["securityContext"]
        assert limits["readOnlyRootFilesystem"]
        assert not limits["allowPrivilegeEscalation"]
        assert limits["capabilities"]["drop"] == ["ALL"], name
        assert pod["spec"]["terminationGracePeriodSeconds"] >= DRAIN_S


def test_what_selects_pods_finds_some() -> None:
    labels = [pod["metadata"]["labels"] for _, pod in pods()]
    selectors = []
    for one in objects():
        chosen = one.get("spec", {}).get("selector") or one.get("spec", {}).get("podSelector")
        if chosen is not None:
            selectors.append(chosen.get("matchLabels", chosen))
    assert len(selectors) == 8
    for chosen in selectors:
        assert any(chosen.items() <= label.items() for label in labels), chosen
    budgets = {one["metadata"]["name"] for one in objects() if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {"api", "worker"}
