"""`python -m launcher`: MiniStack, completed. Configured by the environment, see `settings`."""

from ministack import app

from . import (
    alarms,
    authorization,
    backups,
    certificates,
    containers,
    credentials,
    databases,
    file_systems,
    flow_logs,
    health,
    health_checks,
    images,
    instances,
    inventory,
    limits,
    name_servers,
    network_acls,
    origins,
    ownership,
    registry,
    rollouts,
    secrets,
    security_groups,
    simulation,
    target_groups,
    task_definitions,
    user_groups,
    viewers,
    watchdog,
    web_acls,
    zones,
)

# Order matters where two modules wrap one function: the later is the outer.
for module in (
    ownership, file_systems, containers, credentials, images, health, rollouts, viewers, certificates, secrets,
    health_checks, user_groups, target_groups, limits, registry,
    task_definitions, databases, network_acls, security_groups, flow_logs, instances, web_acls, alarms, origins, zones,
    backups, authorization, simulation, inventory, name_servers,
    watchdog,
):
    module.install()

try:
    app.main()
finally:
    ownership.remove_all()
