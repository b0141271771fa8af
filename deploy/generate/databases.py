"""PostgreSQL by its operator: one server, a role and a database a service.

Source: https://cloudnative-pg.io/documentation/current/declarative_role_management/
"""

from collections.abc import Iterator
from typing import Final

from tables import SERVICES, Object, name_of

SERVER: Final = "hub-postgres"
API: Final = "postgresql.cnpg.io/v1"


def server() -> Iterator[Object]:
    """Each Secret hub-<service>-database (kubernetes.io/basic-auth) holds username, password and the url of both."""
    roles = [
        {
            "name": f"hub_{service}",
            "ensure": "present",
            "login": True,
            "passwordSecret": {"name": f"hub-{name_of(service)}-database"},
        }
        for service in SERVICES
    ]
    # PostgreSQL quotes rows in its errors: no patient may come into its log.
    silent = {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}
    yield {
        "apiVersion": API,
        "kind": "Cluster",
        "metadata": {"name": SERVER},
        "spec": {
            "instances": 3,
            "storage": {"size": "50Gi"},
            "postgresql": {"parameters": silent},
            "managed": {"roles": roles},
        },
    }
    for service in SERVICES:
        yield {
            "apiVersion": API,
            "kind": "Database",
            "metadata": {"name": f"hub-{name_of(service)}"},
            "spec": {"name": f"hub_{service}", "owner": f"hub_{service}", "cluster": {"name": SERVER}},
        }
