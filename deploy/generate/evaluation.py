"""The compose file: the same processes on one machine, for evaluation, with servers that nobody maintains."""

from pathlib import Path
from typing import Final

from tables import HTTP_PORT, METRICS_PORT, PEER_PORT, SERVICES, Object, kind_of

from shared.embedded.processes import Process, commands_after, commands_before, local_settings, processes
from shared.routes import routes

PUBLIC: Final = 8080
PASSWORD: Final = "${HUB_PASSWORD:?Set HUB_PASSWORD to a password of your choice}"  # noqa: S105 (a name, asked for)
STATE: Final = "/var/lib/hub"
KEYS: Final = f"{STATE}/keys"
PIXELS: Final = f"{STATE}/imaging"
COUNTS: Final = "/run/counts"


def compose() -> Object:
    """PostgreSQL, RabbitMQ, a proxy, what runs before, and every process of the table."""
    return {
        "name": "consilium",
        "services": _servers() | _before() | {process.name: _service(process) for process in processes()},
        "volumes": dict.fromkeys(("keys", "pixels", "postgres", "rabbitmq")),
        "configs": {"databases": {"content": _databases()}, "nginx": {"content": _nginx()}},
    }


def settings() -> str:
    """The environment of every process, as compose reads it: `$` names what the caller must set."""
    return "".join(f"{name}={value}\n" for name, value in _settings().items())


def _settings() -> dict[str, str]:
    """What the hub on one machine is told, with the containers' addresses."""
    addresses = {process.name: f"http://{process.name}:{HTTP_PORT}" for process in processes()}
    return local_settings(addresses, Path(STATE)) | {
        "HUB_PUBLIC_URL": f"http://localhost:{PUBLIC}",
        "HUB_BROKER_URL": f"amqp://hub:{PASSWORD}@rabbitmq:5672/",
        "HUB_SESSION_PUBLIC_KEY_FILE": f"{KEYS}/session.pub",
        "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE": f"{KEYS}/session.key",
        "HUB_SIMULATOR_JOURNAL": "/tmp/hospital.jsonl",  # noqa: S108 (the container's own)
        "HUB_METRICS_HOST": "0.0.0.0",  # noqa: S104 (the container's network)
        "HUB_METRICS_PORT": str(METRICS_PORT),
        "HUB_HEARTBEAT_FILE": "/tmp/beat",  # noqa: S108 (the container's own)
        "UVICORN_HOST": "0.0.0.0",  # noqa: S104 (the container's network)
        "UVICORN_PORT": str(HTTP_PORT),
        "HUB_IMAGING_DIMSE_HOST": "0.0.0.0",  # noqa: S104 (the container's network)
        **{process.listens: str(PEER_PORT) for process in processes() if process.listens},
        **{f"HUB_{name.upper()}_DATABASE_URL": _database(name) for name in SERVICES},
    }


def _database(service: str) -> str:
    return f"postgresql://hub:{PASSWORD}@postgres:5432/hub_{service}"


def _servers() -> dict[str, Object]:
    return {
        "postgres": {
            "image": "docker.io/library/postgres:18",
            "environment": {"POSTGRES_USER": "hub", "POSTGRES_PASSWORD": PASSWORD},
            "configs": [{"source": "databases", "target": "/docker-entrypoint-initdb.d/databases.sql"}],
            "volumes": ["postgres:/var/lib/postgresql"],
            "healthcheck": {"test": ["CMD", "pg_isready", "-U", "hub"], "interval": "2s", "retries": 30},
        },
        "rabbitmq": {
            "image": "docker.io/library/rabbitmq:4-management",
            "hostname": "rabbitmq",
            "environment": {"RABBITMQ_DEFAULT_USER": "hub", "RABBITMQ_DEFAULT_PASS": PASSWORD},
            "volumes": ["rabbitmq:/var/lib/rabbitmq"],
            "healthcheck": {"test": ["CMD", "rabbitmq-diagnostics", "-q", "check_port_connectivity"], "retries": 30},
        },
        "proxy": {
            "image": "docker.io/library/nginx:stable",
            "configs": [{"source": "nginx", "target": "/etc/nginx/conf.d/default.conf"}],
            "ports": [f"127.0.0.1:{PUBLIC}:{PUBLIC}"],
            "depends_on": {p.name: {"condition": "service_healthy"} for p in processes() if kind_of(p) == "api"},
        },
    }


def _before() -> dict[str, Object]:
    """Key files and databases; each command leaves alone what is there. Volumes begin as root's."""
    owner = {"image": "docker.io/library/busybox:1", "volumes": ["keys:/keys", "pixels:/pixels"]}
    made: dict[str, Object] = {"owner": owner | {"command": ["chown", "10001:10001", "/keys", "/pixels"]}}
    for words in commands_before():
        made[words[0]] = _image("gateway") | {
            "command": ["hub", *words],
            "volumes": [f"keys:{KEYS}"],
            "depends_on": {"owner": {"condition": "service_completed_successfully"}},
        }
    for service in SERVICES:
        made[f"{service}-migration"] = _image(service) | {
            "command": ["hub", "migrate", service],
            "depends_on": {"postgres": {"condition": "service_healthy"}},
        }
        for words in commands_after(service):
            made[f"{service}-{words[0]}"] = _image(service) | {
                "command": ["hub", *words],
                "tmpfs": ["/tmp"],  # noqa: S108
                "volumes": [f"keys:{KEYS}:ro", f"pixels:{PIXELS}"],
                "depends_on": {f"{service}-migration": {"condition": "service_completed_successfully"}},
            }
    return made


def _service(process: Process) -> Object:
    kind = kind_of(process)
    healthy = "urllib.request.urlopen('http://127.0.0.1:{}{}', timeout=3)"
    look = healthy.format(HTTP_PORT if kind == "api" else METRICS_PORT, process.ready)
    made = _image(process.service) | {
        "command": list(process.command),
        "tmpfs": ["/tmp", *([f"{COUNTS}:mode=1777"] if process.folders else [])],  # noqa: S108
        "volumes": [f"keys:{KEYS}:ro", f"pixels:{PIXELS}"],
        "healthcheck": {
            "test": ["CMD", "python", "-c", f"import urllib.request; {look}"],
            "interval": "5s",
            "retries": 12,
        },
        "restart": "unless-stopped",
        "depends_on": {
            **{words[0]: {"condition": "service_completed_successfully"} for words in commands_before()},
            **{f"{need}-migration": {"condition": "service_completed_successfully"} for need in process.needs},
            **({"rabbitmq": {"condition": "service_healthy"}} if process.needs else {}),
        },
    }
    if process.listens:
        made["ports"] = [f"127.0.0.1:{PEER_PORT}:{PEER_PORT}"]
    if process.folders:
        made["environment"] = dict.fromkeys(process.folders, COUNTS)
    return made


def _image(service: str) -> Object:
    build = {"context": "..", "dockerfile": "deploy/docker/Dockerfile", "args": {"SERVICE": service}}
    return {
        "image": f"consilium-{service}:local",
        "build": build,
        "read_only": True,
        "user": "10001:10001",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "env_file": ["evaluation.env"],
    }


def _databases() -> str:
    return "".join(f"CREATE DATABASE hub_{service};\n" for service in SERVICES)


def _nginx() -> str:
    """One origin of all services, from the routes; `$` doubled for compose."""
    lines = ["server {", f"  listen {PUBLIC};", "  proxy_set_header Host $$http_host;"]
    for route in routes():
        to = f"proxy_pass http://{route.service}-api:{HTTP_PORT}; client_max_body_size {route.body};"
        time = f"proxy_read_timeout {route.timeout_s}s;"
        matches = ["= /"] if route.path == "/" else [f"= {route.path}", f"^~ {route.path}/"]
        lines += [f"  location {match} {{ {to} {time} }}" for match in matches]
    return "\n".join([*lines, "}", ""])
