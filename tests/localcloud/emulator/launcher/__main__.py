"""`python -m launcher`: MiniStack, completed. Configured by the environment, see `settings`."""

from ministack import app

from . import (
    containers,
    credentials,
    file_systems,
    health,
    images,
    limits,
    ownership,
    rollouts,
    viewers,
    watchdog,
)

# Order matters where two modules wrap one function: the later is the outer.
for module in (ownership, file_systems, containers, credentials, images, health, rollouts, viewers, limits, watchdog):
    module.install()

try:
    app.main()
finally:
    ownership.remove_all()
