"""`python -m launcher`: MiniStack, completed. Configured by the environment, see `settings`."""

from ministack import app

from . import (
    certificates,
    containers,
    credentials,
    file_systems,
    health,
    health_checks,
    images,
    limits,
    ownership,
    registry,
    rollouts,
    secrets,
    task_definitions,
    user_groups,
    viewers,
    watchdog,
)

# Order matters where two modules wrap one function: the later is the outer.
for module in (
    ownership, file_systems, containers, credentials, images, health, rollouts, viewers, certificates, secrets,
    health_checks, user_groups, limits, registry,
    task_definitions, watchdog,
):
    module.install()

try:
    app.main()
finally:
    ownership.remove_all()
