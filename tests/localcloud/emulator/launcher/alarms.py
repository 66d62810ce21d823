"""DescribeAlarms whole in the protocol that Go's SDK speaks: MiniStack's XML has a third of an alarm."""

import json
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from .patching import replace

_LISTS = ("AlarmNames", "AlarmTypes")


def _xml(value):
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items() if inner is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(inner)}</member>" for inner in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def _whole(describe):
    def described(params, cbor_data, is_cbor, is_json=False):
        if is_cbor or is_json:
            return describe(params, cbor_data, is_cbor, is_json)
        asked = {name: cloudwatch._p(params, name) or None for name in ("AlarmNamePrefix", "StateValue", "MaxRecords", "NextToken")}
        for name in _LISTS:
            values = [cloudwatch._p(params, f"{name}.member.{index}") for index in range(1, 101)]
            asked[name] = [value for value in values if value]
        status, headers, body = describe(params, asked, False, True)
        if status != 200:
            return describe(params, cbor_data, False, False)
        answer = json.loads(body)
        for alarm in answer["MetricAlarms"]:
            for name in [name for name in alarm if name.endswith("Timestamp")]:
                if isinstance(alarm[name], int | float):
                    alarm[name] = cloudwatch._ts_iso(alarm[name])
        return cloudwatch._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{_xml(answer)}</DescribeAlarmsResult>")

    return described


def install():
    replace(cloudwatch, "_describe_alarms", _whole)
