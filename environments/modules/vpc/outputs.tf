output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnets" {
  description = "Subnets of load balancers, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "private_subnets" {
  description = "Subnets of tasks, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "isolated_subnets" {
  description = "Subnets of databases and file systems, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.isolated[zone].id]
}

output "security_groups" {
  description = "Ids of the tiers' groups: `edge`, `tasks`, `data`."
  value = {
    edge  = aws_security_group.edge.id
    tasks = aws_security_group.tasks.id
    data  = aws_security_group.data.id
  }
}
