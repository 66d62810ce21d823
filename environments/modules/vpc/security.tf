# Who may speak with whom: CloudFront with load balancers, load balancers with tasks, tasks with the data and with HTTPS
# and mail submission outside. Nothing else.

locals {
  internet_ports = [443, 587]
  data_ports     = { mysql = 3306, nfs = 2049 }
}

data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_security_group" "edge" {
  #checkov:skip=CKV2_AWS_5:Attached by the alb module, which checkov does not follow.
  name        = "${local.name}-edge"
  description = "Load balancers of ${local.name}"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "edge" {
  security_group_id = aws_security_group.edge.id
  description       = "HTTPS from CloudFront"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
}

resource "aws_vpc_security_group_egress_rule" "edge" {
  security_group_id            = aws_security_group.edge.id
  description                  = "To tasks"
  ip_protocol                  = "tcp"
  from_port                    = var.task_port
  to_port                      = var.task_port
  referenced_security_group_id = aws_security_group.tasks.id
}

resource "aws_security_group" "tasks" {
  #checkov:skip=CKV2_AWS_5:Attached by the runner's services, which are not Terraform's.
  name        = "${local.name}-tasks"
  description = "Tasks of ${local.name}"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "tasks" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "From load balancers"
  ip_protocol                  = "tcp"
  from_port                    = var.task_port
  to_port                      = var.task_port
  referenced_security_group_id = aws_security_group.edge.id
}

resource "aws_vpc_security_group_egress_rule" "tasks_internet" {
  for_each = toset([for port in local.internet_ports : tostring(port)])

  security_group_id = aws_security_group.tasks.id
  description       = each.key == "443" ? "HTTPS: AWS and what plugins call" : "Mail submission"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "tasks_data" {
  for_each = local.data_ports

  security_group_id            = aws_security_group.tasks.id
  description                  = "To data (${each.key})"
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  referenced_security_group_id = aws_security_group.data.id
}

resource "aws_security_group" "data" {
  #checkov:skip=CKV2_AWS_5:Attached by the rds and efs modules, which checkov does not follow.
  name        = "${local.name}-data"
  description = "Databases and file systems of ${local.name}"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "data" {
  for_each = local.data_ports

  security_group_id            = aws_security_group.data.id
  description                  = "From tasks (${each.key})"
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  referenced_security_group_id = aws_security_group.tasks.id
}

# Network ACLs say once more what security groups say, so that one mistake there opens nothing: what is isolated speaks
# with the VPC alone, and only answers come back from outside to the private tier.

resource "aws_network_acl" "isolated" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for subnet in aws_subnet.isolated : subnet.id]

  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = var.cidr
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = var.cidr
  }

  tags = { Name = "${local.name}-isolated" }
}

resource "aws_network_acl" "private" {
  #checkov:skip=CKV_AWS_231:Answers come back to any high port, 3389 among them; security groups let nobody in.
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]

  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = "0.0.0.0/0"
  }

  # 53: DNS is answered by the VPC's resolver, which network ACLs do not see.
  dynamic "egress" {
    for_each = local.internet_ports
    content {
      rule_no    = 100 + egress.key
      action     = "allow"
      protocol   = "tcp"
      from_port  = egress.value
      to_port    = egress.value
      cidr_block = "0.0.0.0/0"
    }
  }

  egress {
    rule_no    = 200
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = var.cidr
  }

  tags = { Name = "${local.name}-private" }
}

resource "aws_network_acl" "public" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for subnet in aws_subnet.public : subnet.id]

  dynamic "ingress" {
    for_each = local.internet_ports
    content {
      rule_no    = 100 + ingress.key
      action     = "allow"
      protocol   = "tcp"
      from_port  = ingress.value
      to_port    = ingress.value
      cidr_block = ingress.value == 443 ? "0.0.0.0/0" : var.cidr
    }
  }

  ingress {
    rule_no    = 200
    action     = "allow"
    protocol   = "tcp"
    from_port  = 1024
    to_port    = 65535
    cidr_block = "0.0.0.0/0"
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 0
    to_port    = 65535
    cidr_block = "0.0.0.0/0"
  }

  tags = { Name = "${local.name}-public" }
}
