"""A private RabbitMQ: one node, loopback only, its own epmd, a user and a password of its own.

Source: https://www.rabbitmq.com/docs/configure; every path and port is given by environment, so that
nothing of a RabbitMQ installed on the machine is read or written.
"""

import os
import secrets
import socket
from pathlib import Path

import pika
from pika.exceptions import AMQPError

from shared.embedded import children, packages
from shared.embedded.machine import LOOPBACK, CannotStart, free_port, private_file, private_folder

USER = "hub"
READY_WITHIN_S = 60.0
PLUGINS = "[rabbitmq_prometheus].\n"


class RabbitMQ:
    """One broker in one folder; it survives restarts, and so does its password."""

    def __init__(self, folder: Path, log: Path) -> None:
        """Choose the ports; nothing runs yet."""
        self.folder = private_folder(folder)
        self.log = log
        self.port, self.metrics_port = free_port(), free_port()
        self._distribution_port, self._epmd_port = free_port(), free_port()
        self._epmd: children.Child | None = None
        self._broker: children.Child | None = None

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"amqp://{USER}:{self._password()}@{LOOPBACK}:{self.port}/%2F"

    def start(self) -> None:
        """Run epmd (which would otherwise detach) and the broker; wait until a client gets in."""
        root = packages.root_of(packages.RABBITMQ)
        environment = self._environment(root)
        if self._epmd is None or self._epmd.poll() is not None:
            self._epmd = children.spawn(
                ["epmd"],
                log=self.log,
                environment=environment,
                folder=self.folder,
                as_server=True,
            )
        server = next(root.glob(packages.RABBITMQ))

        def spawned() -> children.Child:
            self._broker = children.spawn(
                [str(server)], log=self.log, environment=environment, folder=self.folder, as_server=True
            )
            return self._broker

        children.await_server(spawned, self._answers, name="RabbitMQ", log=self.log, ready_s=READY_WITHIN_S)

    def stop(self) -> None:
        """End the broker in order, then epmd."""
        for child in (self._broker, self._epmd):
            if child is not None:
                children.stop(child)

    def kill(self) -> None:
        """Crash the broker, as a power cut would."""
        if self._broker is not None:
            children.kill(self._broker)

    def control(self, *words: str) -> None:
        """Run `rabbitmqctl` beside the broker, as its operator would.

        Raises:
            CannotStart: it failed; its words are in the log.
        """
        root = packages.root_of(packages.RABBITMQ)
        program = next(root.glob(packages.RABBITMQ)).with_name("rabbitmqctl")
        command = [str(program), *words]
        environment = self._environment(root)
        if children.run(command, log=self.log, environment=environment, folder=self.folder, as_server=True) != 0:
            raise CannotStart(f"rabbitmqctl {words[0]} failed: {children.last_lines(self.log)}")

    def _environment(self, root: Path) -> dict[str, str]:
        folder = self.folder
        configuration = private_file(
            folder / "rabbitmq.conf",
            f"default_user = {USER}\n"
            f"default_pass = {self._password()}\n"
            f"listeners.tcp.default = {LOOPBACK}:{self.port}\n"
            f"prometheus.tcp.ip = {LOOPBACK}\n"
            f"prometheus.tcp.port = {self.metrics_port}\n"
            "log.console = true\n"
            "log.console.level = warning\n"
            "log.file = false\n"
            "max_message_size = 16777216\n"  # the default of RabbitMQ 4, so that both refuse the same
            "disk_free_limit.absolute = 200MB\n",
        )
        empty = private_file(folder / "environment.conf", "")
        plugins = private_file(folder / "enabled_plugins", PLUGINS)
        home = next(root.glob(packages.RABBITMQ)).parents[1]
        return {
            "PATH": os.pathsep.join([str(root / "usr/lib/erlang/bin"), *self._epmd_folder(root), os.defpath]),
            "LD_LIBRARY_PATH": packages.libraries(root),
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script replaces itself by the broker: our child
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_HOME": str(home),
            "RABBITMQ_NODENAME": "hub@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(empty),
        }

    @staticmethod
    def _epmd_folder(root: Path) -> list[str]:
        return [str(path.parent) for path in (root / "usr/lib/erlang").glob("erts-*/bin/epmd")]

    def _answers(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()  # pika logs each failure at length
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except (AMQPError, OSError):
            return False
        return True

    def _password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            private_file(path, secrets.token_urlsafe(24))
        return path.read_text()
