# The way out for tasks: a managed gateway, or an instance at about a tenth of its price.

locals {
  gateways = var.nat == "instance" ? {} : var.nat == "gateway" ? { (var.zones[0]) = 0 } : local.zones
}

resource "aws_eip" "nat" {
  for_each = local.gateways

  domain = "vpc"

  tags = { Name = "${local.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = local.gateways

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${local.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "gateway" {
  for_each = var.nat == "instance" ? {} : local.zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[contains(keys(local.gateways), each.key) ? each.key : var.zones[0]].id
}

data "aws_ssm_parameter" "image" {
  count = var.nat == "instance" ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_security_group" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name        = "${local.name}-nat"
  description = "NAT instance of ${local.name}"
  vpc_id      = aws_vpc.this.id

  ingress {
    description     = "From tasks"
    protocol        = "-1"
    from_port       = 0
    to_port         = 0
    security_groups = [aws_security_group.tasks.id]
  }

  dynamic "egress" {
    for_each = local.internet_ports
    content {
      description = "To the internet"
      protocol    = "tcp"
      from_port   = egress.value
      to_port     = egress.value
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_instance" "nat" {
  #checkov:skip=CKV_AWS_88:A NAT needs a public address; its security group lets tasks alone in.
  #checkov:skip=CKV2_AWS_41:It calls no AWS API, so it has no role.
  count = var.nat == "instance" ? 1 : 0

  ami                         = data.aws_ssm_parameter.image[0].value
  instance_type               = "t4g.nano"
  subnet_id                   = aws_subnet.public[var.zones[0]].id
  vpc_security_group_ids      = [aws_security_group.nat[0].id]
  associate_public_ip_address = true
  source_dest_check           = false
  ebs_optimized               = true
  monitoring                  = true

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted = true
  }

  user_data = <<-EOT
    #!/bin/bash
    dnf install -y iptables-services
    echo net.ipv4.ip_forward=1 > /etc/sysctl.d/90-nat.conf
    sysctl --system
    iptables -t nat -A POSTROUTING -s ${var.cidr} -j MASQUERADE
    iptables -P FORWARD ACCEPT
    service iptables save
    systemctl enable iptables
  EOT

  tags = { Name = "${local.name}-nat" }

  lifecycle {
    # A newer image is taken when somebody replaces the instance on purpose.
    ignore_changes = [ami]
  }
}

resource "aws_route" "instance" {
  for_each = var.nat == "instance" ? local.zones : {}

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  network_interface_id   = aws_instance.nat[0].primary_network_interface_id
}
