"""Network ACLs as AWS has them: each subnet belongs to exactly one, at first its VPC's default; rules have ports."""

from ministack.core.responses import new_uuid
from ministack.services import ec2

from .patching import replace


def _associate(subnet_id, acl):
    association = "aclassoc-" + new_uuid().replace("-", "")[:17]
    acl["Associations"].append({"NetworkAclAssociationId": association, "SubnetId": subnet_id})
    return association


def _default(vpc_id):
    return next(acl for acl in ec2._network_acls.values() if acl["VpcId"] == vpc_id and acl["IsDefault"])


def _with_default(create):
    def created(params):
        before = set(ec2._subnets.keys())
        answer = create(params)
        for subnet_id in set(ec2._subnets.keys()) - before:
            _associate(subnet_id, _default(ec2._subnets[subnet_id]["VpcId"]))
        return answer

    return created


def _without_association(delete):
    def deleted(params):
        answer = delete(params)
        if answer[0] == 200:
            subnet_id = ec2._p(params, "SubnetId")
            for acl in ec2._network_acls.values():
                acl["Associations"] = [found for found in acl["Associations"] if found["SubnetId"] != subnet_id]
        return answer

    return deleted


def _replace_association(params):
    association, wanted = ec2._p(params, "AssociationId"), ec2._p(params, "NetworkAclId")
    if wanted not in ec2._network_acls:
        return ec2._error("InvalidNetworkAclID.NotFound", f"The network ACL '{wanted}' does not exist", 400)
    for acl in ec2._network_acls.values():
        for found in acl["Associations"]:
            if found["NetworkAclAssociationId"] == association:
                acl["Associations"].remove(found)
                replaced = _associate(found["SubnetId"], ec2._network_acls[wanted])
                return ec2._xml(
                    200, "ReplaceNetworkAclAssociationResponse", f"<newAssociationId>{replaced}</newAssociationId>")
    return ec2._error("InvalidAssociationID.NotFound", f"The association ID '{association}' does not exist", 400)


def _unused_only(delete):
    def deleted(params):
        acl = ec2._network_acls.get(ec2._p(params, "NetworkAclId"))
        if acl and (acl["IsDefault"] or acl["Associations"]):
            return ec2._error("DependencyViolation", f"The networkAcl '{acl['NetworkAclId']}' is in use", 400)
        return delete(params)

    return deleted


def _by_association(describe):
    """The filters that MiniStack passes over."""

    def described(params):
        filters = ec2._parse_filters(params)
        ids = ec2._parse_member_list(params, "NetworkAclId")
        if ids and not any(identifier in ec2._network_acls for identifier in ids):
            return ec2._error("InvalidNetworkAclID.NotFound", f"The network ACL '{ids[0]}' does not exist", 400)
        chosen = set()
        for acl in ec2._network_acls.values():
            values = {
                "association.subnet-id": {found["SubnetId"] for found in acl["Associations"]},
                "association.association-id": {found["NetworkAclAssociationId"] for found in acl["Associations"]},
                "network-acl-id": {acl["NetworkAclId"]},
            }
            if all(values[name] & set(filters[name]) for name in values if name in filters):
                chosen.add(acl["NetworkAclId"])
        if ids:
            chosen &= set(ids)
        narrowed = {name: value for name, value in params.items() if not name.startswith("NetworkAclId")}
        # An id that nothing has: no ids at all would choose every one.
        chosen = sorted(chosen) or ["acl-none"]
        narrowed.update({f"NetworkAclId.{index}": [identifier] for index, identifier in enumerate(chosen, 1)})
        return describe(narrowed)

    return described


def _with_ports(change):
    def changed(params):
        answer = change(params)
        first, last = ec2._p(params, "PortRange.From"), ec2._p(params, "PortRange.To")
        acl = ec2._network_acls.get(ec2._p(params, "NetworkAclId"))
        if acl and first and last:
            acl["Entries"][-1]["Ports"] = (int(first), int(last))
        return answer

    return changed


def _port_range(render):
    def rendered(entry):
        item = render(entry)
        if "Ports" not in entry:
            return item
        first, last = entry["Ports"]
        return item.replace("</item>", f"<portRange><from>{first}</from><to>{last}</to></portRange></item>")

    return rendered


def install():
    replace(ec2, "_create_subnet", _with_default)
    replace(ec2, "_delete_subnet", _without_association)
    replace(ec2, "_replace_network_acl_association", lambda _: _replace_association)
    replace(ec2, "_delete_network_acl", _unused_only)
    replace(ec2, "_describe_network_acls", _by_association)
    replace(ec2, "_create_network_acl_entry", _with_ports)
    replace(ec2, "_replace_network_acl_entry", _with_ports)
    replace(ec2, "_network_acl_entry_xml", _port_range)
