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

mock_provider "aws" {
  alias = "edge"
}

variables {
  environment = "dev"
  domain      = "dev.example.com"
  dnssec      = false
}

run "a_zone_by_itself" {
  command = plan

  assert {
    condition     = aws_route53_zone.this.name == "dev.example.com" && length(aws_kms_key.dnssec) == 0 && !aws_route53_zone.this.force_destroy
    error_message = "A zone without DNSSEC that is not deleted with its records."
  }
}

run "a_signed_zone" {
  command = plan
  variables {
    dnssec = true
  }

  assert {
    condition     = aws_kms_key.dnssec[0].key_usage == "SIGN_VERIFY" && length(aws_route53_hosted_zone_dnssec.this) == 1
    error_message = "A signed zone needs a signing key."
  }
}

run "a_trailing_dot_is_refused" {
  command = plan
  variables {
    domain = "dev.example.com."
  }
  expect_failures = [var.domain]
}
