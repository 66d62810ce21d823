# A cell's load balancer. CloudFront reaches it by HTTPS under a name of the environment's zone, because it checks the
# certificate; tenants' rules, which also ask for the secret origin header, are the runner's.

locals {
  name   = "bbws-${var.environment}-${var.cell}"
  origin = "origin-${var.cell}.${var.zone.name}"
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:The web ACL stands in front of CloudFront, and only CloudFront reaches this.
  #checkov:skip=CKV_AWS_150:Deletion protection is a choice (`protected`).
  name                       = local.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnets
  security_groups            = [var.security_group]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protected

  access_logs {
    enabled = true
    bucket  = var.log_bucket
    prefix  = "alb/${var.cell}"
  }

  tags = { "bbws:cell" = var.cell }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = aws_acm_certificate_validation.origin.certificate_arn

  # What no tenant's rule matches: another Host, or no secret header.
  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "text/plain"
      message_body = "no such site"
    }
  }
}

# The security group lets nobody in here; it is for the day when somebody opens it.
resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_acm_certificate" "origin" {
  domain_name       = local.origin
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  zone_id = var.zone.id
  name    = one(aws_acm_certificate.origin.domain_validation_options).resource_record_name
  type    = one(aws_acm_certificate.origin.domain_validation_options).resource_record_type
  records = [one(aws_acm_certificate.origin.domain_validation_options).resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "origin" {
  certificate_arn         = aws_acm_certificate.origin.arn
  validation_record_fqdns = [aws_route53_record.validation.fqdn]
}

resource "aws_route53_record" "origin" {
  zone_id = var.zone.id
  name    = local.origin
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}

resource "aws_secretsmanager_secret" "origin" {
  #checkov:skip=CKV2_AWS_57:CloudFront's header and the listener's rules must change together: the runner's work, not a timer's.
  name                    = "bbws/${var.environment}/cells/${var.cell}/origin"
  description             = "Header by which the load balancer knows CloudFront"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.protected ? 30 : 0
}

# Written once, and never in Terraform's state. To write another one, raise the version.
resource "aws_secretsmanager_secret_version" "origin" {
  secret_id                = aws_secretsmanager_secret.origin.id
  secret_string_wo         = var.origin_secret
  secret_string_wo_version = 1
}
