mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "af-south-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
}

variables {
  environment = "dev"
  cidr        = "10.20.0.0/16"
  zones       = ["af-south-1a", "af-south-1b", "af-south-1c"]
  key_arn     = "arn:aws:kms:af-south-1:111111111111:key/k"
}

run "tiers_do_not_overlap" {
  command = plan

  assert {
    condition     = length(distinct([for s in concat(values(aws_subnet.private), values(aws_subnet.public), values(aws_subnet.isolated)) : s.cidr_block])) == 9
    error_message = "Each tier has a range of its own in each zone."
  }
  assert {
    condition     = alltrue([for s in concat(values(aws_subnet.private), values(aws_subnet.public), values(aws_subnet.isolated)) : s.map_public_ip_on_launch != true])
    error_message = "No subnet gives out public addresses by itself."
  }
}

run "one_gateway_serves_all_zones" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.gateway) == 3 && length(aws_instance.nat) == 0
    error_message = "One gateway, a route in each zone, no instance."
  }
}

run "a_gateway_in_each_zone" {
  command = plan
  variables {
    nat = "gateway_each_zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Three zones, three gateways."
  }
}

run "an_instance_instead" {
  command = plan
  variables {
    nat = "instance"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.instance) == 3 && !aws_instance.nat[0].source_dest_check
    error_message = "An instance that forwards, and no gateway."
  }
}

run "only_cloudfront_comes_in_and_only_tasks_reach_data" {
  command = plan

  assert {
    condition     = aws_vpc_security_group_ingress_rule.edge.cidr_ipv4 == null && aws_vpc_security_group_ingress_rule.edge.from_port == 443
    error_message = "Load balancers are open to CloudFront's prefix list, by HTTPS."
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.data : rule.cidr_ipv4 == null])
    error_message = "Data is open to a security group, not to addresses."
  }
}

run "one_zone_is_too_few" {
  command = plan
  variables {
    zones = ["af-south-1a"]
  }
  expect_failures = [var.zones]
}

run "a_small_range_is_refused" {
  command = plan
  variables {
    cidr = "10.20.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "an_unknown_nat_is_refused" {
  command = plan
  variables {
    nat = "none"
  }
  expect_failures = [var.nat]
}
