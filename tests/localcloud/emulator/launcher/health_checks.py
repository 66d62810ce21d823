"""Route 53 health checks write truth as XML does: MiniStack says `True`, which SDKs cannot read."""

from ministack.services import route53

from .patching import replace


def _xml_booleans(build):
    def built(parent, health_check):
        config = {name: str(value).lower() if isinstance(value, bool) else value
                  for name, value in health_check.get("config", {}).items()}
        build(parent, {**health_check, "config": config})

    return built


def install():
    replace(route53, "_build_health_check_el", _xml_booleans)
