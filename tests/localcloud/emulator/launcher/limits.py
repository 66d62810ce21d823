"""Refusals of AWS that MiniStack leaves out, where accepting would hide a mistake of the runner's."""

from ministack.core.responses import error_response_json
from ministack.services import alb, ecs, efs

from .patching import replace

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
DESCRIBE_SERVICES = 10
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
DESCRIBE_TASKS = 100
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html
DESCRIBE_TAGS = 20
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
TARGET_GROUP_NAME = 32

GIB = 1024
# CPU units -> MiB. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
FARGATE_SIZES = {
    256: {512, 1 * GIB, 2 * GIB},
    512: {n * GIB for n in range(1, 5)},
    1024: {n * GIB for n in range(2, 9)},
    2048: {n * GIB for n in range(4, 17)},
    4096: {n * GIB for n in range(8, 31)},
    8192: {n * GIB for n in range(16, 61, 4)},
    16384: {n * GIB for n in range(32, 121, 8)},
}


def _at_most(field, limit, message):
    def wrap(handle):
        def limited(data):
            if len(data.get(field) or []) > limit:
                return error_response_json("InvalidParameterException", message, 400)
            return handle(data)

        return limited

    return wrap


def _valid_size(register):
    def registered(data):
        if "FARGATE" in (data.get("requiresCompatibilities") or []):
            cpu, memory = str(data.get("cpu") or ""), str(data.get("memory") or "")
            if not cpu.isdigit() or not memory.isdigit() or int(memory) not in FARGATE_SIZES.get(int(cpu), ()):
                message = "No Fargate configuration exists for given values: " f"{cpu} CPU, {memory} memory."
                return error_response_json("ClientException", message, 400)
        return register(data)

    return registered


def _known_cluster(create):
    def created(data):
        name = ecs._resolve_cluster_name(data.get("cluster", "default"))
        if name not in ecs._clusters:
            return error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
        return create(data)

    return created


def _unused_priority(create):
    def created(params):
        listener, priority = alb._p(params, "ListenerArn"), alb._p(params, "Priority")
        taken = {r["Priority"] for r in alb._rules.values() if r.get("ListenerArn") == listener}
        if priority in taken:
            return alb._error("PriorityInUse", f"Priority '{priority}' is currently in use")
        return create(params)

    return created


def _unused_token(create):
    def created(body):
        token = body.get("ClientToken")
        if token in {point["ClientToken"] for point in efs._access_points.values()}:
            return efs._error(409, "AccessPointAlreadyExists", f"An access point with client token '{token}' already exists")
        return create(body)

    return created


def _few_tags(describe):
    def described(params):
        if len(alb._parse_member_list(params, "ResourceArns")) > DESCRIBE_TAGS:
            return alb._error("ValidationError", f"Up to {DESCRIBE_TAGS} ResourceArns may be described at once")
        return describe(params)

    return described


def _short_name(create):
    def created(params):
        name = alb._p(params, "Name")
        if len(name) > TARGET_GROUP_NAME:
            return alb._error("ValidationError", f"Target group name '{name}' cannot be longer than '32' characters")
        return create(params)

    return created


def install():
    replace(ecs, "_describe_services", _at_most("services", DESCRIBE_SERVICES, "Services cannot be more than 10."))
    replace(ecs, "_describe_tasks", _at_most("tasks", DESCRIBE_TASKS, "Tasks cannot be more than 100."))
    replace(ecs, "_register_task_definition", _valid_size)
    replace(ecs, "_create_service", _known_cluster)
    replace(efs, "_create_access_point", _unused_token)
    replace(alb, "_create_rule", _unused_priority)
    replace(alb, "_describe_tags", _few_tags)
    replace(alb, "_create_tg", _short_name)
