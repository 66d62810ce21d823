"""Flow logs as they were asked for: MiniStack forgets the role, the interval and the tags."""

from ministack.services import ec2

from .patching import replace

_FORMAT = ("${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes}"
           " ${start} ${end} ${action} ${log-status}")


def _whole(create):
    def created(params):
        before = set(ec2._flow_logs.keys())
        answer = create(params)
        for identifier in set(ec2._flow_logs.keys()) - before:
            ec2._parse_tag_specs(params, "vpc-flow-log", identifier)
            ec2._flow_logs[identifier].update(
                role=ec2._p(params, "DeliverLogsPermissionArn"), interval=ec2._p(params, "MaxAggregationInterval") or "600",
                format=ec2._p(params, "LogFormat") or _FORMAT)
        return answer

    return created


def _told(describe):
    def described(params):
        status, headers, body = describe(params)
        text = body.decode()
        for identifier, log in ec2._flow_logs.items():
            group = log["LogDestination"].removesuffix(":*").rpartition(":log-group:")[2]
            text = text.replace(
                f"<flowLogId>{identifier}</flowLogId>",
                f"<flowLogId>{identifier}</flowLogId><deliverLogsPermissionArn>{log.get('role', '')}</deliverLogsPermissionArn>"
                f"<maxAggregationInterval>{log.get('interval', '600')}</maxAggregationInterval>"
                f"<logFormat>{log.get('format', _FORMAT)}</logFormat><logGroupName>{group}</logGroupName>"
                "<deliverLogsStatus>SUCCESS</deliverLogsStatus>")
        return status, headers, text.encode()

    return described


def install():
    replace(ec2, "_create_flow_logs", _whole)
    replace(ec2, "_describe_flow_logs", _told)
