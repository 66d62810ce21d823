output "id" {
  description = "The zone's id."
  value       = aws_route53_zone.this.zone_id
}

output "name" {
  description = "The zone's name, without the trailing dot."
  value       = trimsuffix(aws_route53_zone.this.name, ".")
}

output "name_servers" {
  description = "What the parent zone must name in its NS record."
  value       = aws_route53_zone.this.name_servers
}

output "ds_record" {
  description = "What the parent zone must hold as DS record, or null without DNSSEC."
  value       = one(aws_route53_key_signing_key.this[*].ds_record)
}
