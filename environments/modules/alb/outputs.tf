output "load_balancer" {
  description = "The foundation document's `load_balancer` of the cell."
  value = {
    arn          = aws_lb.this.arn
    dns_name     = aws_route53_record.origin.fqdn
    listener_arn = aws_lb_listener.https.arn
    full_name    = aws_lb.this.arn_suffix
  }
}

output "origin_secret_arn" {
  description = "The secret whose value the origin header must carry."
  value       = aws_secretsmanager_secret_version.origin.arn
}
