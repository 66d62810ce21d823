mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "af-south-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  environment    = "dev"
  origin_secret  = "0123456789abcdef0123456789abcdef"
  cell           = "a"
  subnets        = ["subnet-1", "subnet-2"]
  security_group = "sg-1"
  zone           = { id = "Z1", name = "dev.example.com" }
  log_bucket     = "bbws-dev-logs-111111111111"
  key_arn        = "arn:aws:kms:af-south-1:111111111111:key/k"
}

override_resource {
  target          = aws_acm_certificate.origin
  override_during = plan
  values = {
    arn = "arn:aws:acm:af-south-1:111111111111:certificate/c"
    domain_validation_options = [{
      domain_name           = "origin-a.dev.example.com"
      resource_record_name  = "_x.origin-a.dev.example.com"
      resource_record_type  = "CNAME"
      resource_record_value = "_y.acm-validations.aws"
    }]
  }
}

run "https_with_a_modern_policy_and_404_by_default" {
  command = plan

  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && strcontains(aws_lb_listener.https.ssl_policy, "TLS13")
    error_message = "Listeners must speak TLS 1.2 or 1.3."
  }
  assert {
    condition     = aws_lb_listener.https.default_action[0].fixed_response[0].status_code == "404"
    error_message = "What no tenant's rule matches must not be served."
  }
  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect"
    error_message = "HTTP must only redirect."
  }
  assert {
    condition     = aws_lb.this.enable_deletion_protection && aws_lb.this.drop_invalid_header_fields && aws_lb.this.access_logs[0].enabled
    error_message = "The load balancer must be protected and logged by default."
  }
  assert {
    condition     = aws_acm_certificate.origin.domain_name == "origin-a.dev.example.com"
    error_message = "CloudFront checks the certificate against the origin's name."
  }
}

run "a_cells_name_is_a_short_word" {
  command = plan
  variables {
    cell = "A"
  }
  expect_failures = [var.cell]
}

run "a_guessable_origin_secret_is_refused" {
  command = plan
  variables {
    origin_secret = "secret"
  }
  expect_failures = [var.origin_secret]
}
