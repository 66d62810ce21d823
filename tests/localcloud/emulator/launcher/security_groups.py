"""Rules of security groups that name a prefix list, which MiniStack drops, and rules for all protocols, which have no ports
whatever a request says."""

from ministack.services import ec2

from .patching import replace


def _with_prefix_lists(parse):
    def parsed(params, prefix):
        rules = parse(params, prefix)
        for index, rule in enumerate(rules, 1):
            number = 1
            while identifier := ec2._p(params, f"{prefix}.{index}.PrefixListIds.{number}.PrefixListId"):
                entry = {"PrefixListId": identifier}
                if text := ec2._p(params, f"{prefix}.{index}.PrefixListIds.{number}.Description"):
                    entry["Description"] = text
                rule["PrefixListIds"].append(entry)
                number += 1
        return rules

    return parsed


def _without_ports(strip):
    def stripped(rule):
        plain = strip(rule)
        if plain.get("IpProtocol") == "-1":
            plain.pop("FromPort", None)
            plain.pop("ToPort", None)
        for key in ("PrefixListIds", "UserIdGroupPairs"):
            plain[key] = [{k: v for k, v in entry.items() if k not in ("Description", "UserId")} for entry in plain.get(key, [])]
        return plain

    return stripped


def _with_prefix_list(render):
    def rendered(sg_id, rule, is_egress=False):
        items = render(sg_id, rule, is_egress=is_egress)
        lists = rule.get("PrefixListIds", [])
        if len(lists) != 1 or "<prefixListId>" in items:
            return items
        return items.replace("</item>", f"<prefixListId>{lists[0]['PrefixListId']}</prefixListId></item>")

    return rendered


def install():
    replace(ec2, "_parse_ip_permissions", _with_prefix_lists)
    replace(ec2, "_strip_descriptions", _without_ports)
    replace(ec2, "_sg_rule_xml", _with_prefix_list)
