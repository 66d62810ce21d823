"""EC2 instances as a NAT needs them: an image for ARM, a network interface that routes lead to, and the choices that
MiniStack passes over (monitoring, metadata, encryption of the disk)."""

from ministack.core.responses import new_uuid
from ministack.services import ec2, ssm

from .patching import replace

_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
_IMAGE = "ami-0a2023a1b2c3d4e5f"


def _missing(identifier):
    return ec2._error("InvalidInstanceID.NotFound", f"The instance ID '{identifier}' does not exist", 400)


def _interface(instance, groups):
    """The interface with which an instance is born."""
    identifier = "eni-" + new_uuid().replace("-", "")[:17]
    ec2._network_interfaces[identifier] = {
        "NetworkInterfaceId": identifier, "SubnetId": instance["SubnetId"], "VpcId": instance["VpcId"],
        "Description": "", "OwnerId": ec2.get_account_id(), "Status": "in-use", "PrivateIpAddress": instance["PrivateIpAddress"],
        "SourceDestCheck": True, "MacAddress": "02:00:00:00:00:01", "Groups": groups,
        "AvailabilityZone": instance["Placement"]["AvailabilityZone"],
        "Attachment": {"AttachmentId": identifier.replace("eni", "eni-attach"), "InstanceId": instance["InstanceId"],
                       "DeviceIndex": 0, "AttachTime": instance["LaunchTime"]},
    }
    return identifier


def _as_asked(run):
    def started(params):
        asked = dict(params)
        for name in ("SubnetId", "PrivateIpAddress"):
            if value := ec2._p(params, f"NetworkInterface.1.{name}"):
                asked[name] = [value]
        for index, group in enumerate(ec2._parse_member_list(params, "NetworkInterface.1.SecurityGroupId"), 1):
            asked[f"SecurityGroupId.{index}"] = [group]
        before = set(ec2._instances.keys())
        answer = run(asked)
        for identifier in set(ec2._instances.keys()) - before:
            instance = ec2._instances[identifier]
            subnet = ec2._subnets.get(instance["SubnetId"]) or {}
            instance["Placement"]["AvailabilityZone"] = subnet.get("AvailabilityZone") or ec2.get_region() + "a"
            instance["Interface"] = _interface(instance, instance["SecurityGroups"])
            instance["EbsOptimized"] = ec2._p(params, "EbsOptimized") == "true"
            instance["Tokens"] = ec2._p(params, "MetadataOptions.HttpTokens") or "required"
            if ec2._p(params, "Monitoring.Enabled") == "true":
                instance["Monitoring"]["State"] = "enabled"
            disk = ec2._volumes[instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
            disk["Encrypted"] = ec2._p(params, "BlockDeviceMapping.1.Ebs.Encrypted") == "true"
        return answer

    return started


def _with_choices(render):
    def rendered(instance):
        item = render(instance)
        if "Interface" not in instance:
            return item
        interface = ec2._network_interfaces.get(instance["Interface"])
        address = f"<association><publicIp>{instance['PublicIpAddress']}</publicIp><ipOwnerId>amazon</ipOwnerId></association>"
        interfaces = ec2._eni_fields_xml(interface).replace("<interfaceType>", address + "<interfaceType>", 1) if interface else ""
        more = (
            f"<networkInterfaceSet>{interfaces}</networkInterfaceSet>"
            f"<ebsOptimized>{str(instance['EbsOptimized']).lower()}</ebsOptimized>"
            f"<metadataOptions><state>applied</state><httpTokens>{instance['Tokens']}</httpTokens>"
            "<httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>"
            "<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions>")
        return item.removesuffix("</item>") + more + "</item>"

    return rendered


def _without_interface(terminate):
    def terminated(params):
        answer = terminate(params)
        for identifier in ec2._parse_member_list(params, "InstanceId"):
            if instance := ec2._instances.get(identifier):
                ec2._network_interfaces.pop(instance.get("Interface"), None)
                ec2._volumes.pop(instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"], None)
        return answer

    return terminated


def _modify_attribute(params):
    identifier = ec2._p(params, "InstanceId")
    instance = ec2._instances.get(identifier)
    if not instance:
        return _missing(identifier)
    if check := ec2._p(params, "SourceDestCheck.Value"):
        instance["SourceDestCheck"] = check == "true"
        if interface := ec2._network_interfaces.get(instance.get("Interface")):
            interface["SourceDestCheck"] = check == "true"
    return ec2._xml(200, "ModifyInstanceAttributeResponse", "<return>true</return>")


def _watch(action, state):
    def watched(params):
        items = ""
        for identifier in ec2._parse_member_list(params, "InstanceId"):
            if identifier not in ec2._instances:
                return _missing(identifier)
            ec2._instances[identifier]["Monitoring"]["State"] = state
            items += f"<item><instanceId>{identifier}</instanceId><monitoring><state>{state}</state></monitoring></item>"
        return ec2._xml(200, f"{action}Response", f"<instancesSet>{items}</instancesSet>")

    return watched


def _to_interface(change):
    """Routes that lead to an instance's interface, which MiniStack takes for the VPC's own."""

    def changed(params):
        answer = change(params)
        table = ec2._route_tables.get(ec2._p(params, "RouteTableId"))
        interface = ec2._network_interfaces.get(ec2._p(params, "NetworkInterfaceId"))
        if answer[0] == 200 and table and interface:
            route = next(r for r in table["Routes"] if r["DestinationCidrBlock"] == ec2._p(params, "DestinationCidrBlock"))
            route.pop("GatewayId", None)
            route["NetworkInterfaceId"] = interface["NetworkInterfaceId"]
            route["InstanceId"] = (interface["Attachment"] or {}).get("InstanceId")
        return answer

    return changed


def install():
    ssm._PUBLIC_AMI_PARAMETERS[_PARAMETER] = _IMAGE
    ec2._STUB_AMIS.append((
        _IMAGE, "al2023-ami-2023.6.20241010.0-kernel-6.1-arm64", "Amazon Linux 2023 AMI", "", "/dev/xvda", "137112412989",
        "amazon"))
    replace(ec2, "_run_instances", _as_asked)
    replace(ec2, "_instance_xml", _with_choices)
    replace(ec2, "_terminate_instances", _without_interface)
    replace(ec2, "_create_route", _to_interface)
    replace(ec2, "_replace_route", _to_interface)
    ec2._ACTION_MAP["ModifyInstanceAttribute"] = _modify_attribute
    ec2._ACTION_MAP["MonitorInstances"] = _watch("MonitorInstances", "enabled")
    ec2._ACTION_MAP["UnmonitorInstances"] = _watch("UnmonitorInstances", "disabled")
