"""CreateTargetGroup answers a repeat with the same settings with the group that there is, as AWS does.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
"""

from ministack.services import alb

from .patching import replace

SETTINGS = (
    "Protocol", "Port", "VpcId", "TargetType", "HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath",
    "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount",
)


def _once(create):
    def created(params):
        name = alb._p(params, "Name")
        held = next((group for group in alb._tgs.values() if group["TargetGroupName"] == name), None)
        if held and all(alb._p(params, field, str(held[field])) == str(held[field]) for field in SETTINGS):
            return alb._xml(200, "CreateTargetGroup", f"<TargetGroups>{alb._tg_xml(held)}</TargetGroups>")
        return create(params)

    return created


def install():
    replace(alb, "_create_tg", _once)
