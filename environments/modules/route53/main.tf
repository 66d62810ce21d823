# The environment's public zone. Sites' records are the runner's.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_39:Logs of queries say nothing that CloudFront's do not, and cost $0.50 a GB.
  #checkov:skip=CKV2_AWS_38:DNSSEC is a choice (`dnssec`), because the parent zone must follow by hand.
  name          = var.domain
  comment       = "bbws ${var.environment}"
  force_destroy = !var.protected
}

# Route 53 takes keys of us-east-1 only.
resource "aws_kms_key" "dnssec" {
  #checkov:skip=CKV_AWS_7:KMS rotates no asymmetric keys; DNSSEC needs one (Route 53 Developer Guide, "Working with customer managed keys for DNSSEC").
  provider = aws.edge
  count    = var.dnssec ? 1 : 0

  description              = "DNSSEC of ${var.domain}"
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "LetIamDecide"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "SignZone"
        Effect    = "Allow"
        Principal = { Service = "dnssec-route53.amazonaws.com" }
        Action    = ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
      },
      {
        Sid       = "GrantToRoute53"
        Effect    = "Allow"
        Principal = { Service = "dnssec-route53.amazonaws.com" }
        Action    = "kms:CreateGrant"
        Resource  = "*"
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      },
    ]
  })
}

resource "aws_route53_key_signing_key" "this" {
  count = var.dnssec ? 1 : 0

  name                       = "bbws"
  hosted_zone_id             = aws_route53_zone.this.id
  key_management_service_arn = aws_kms_key.dnssec[0].arn
}

resource "aws_route53_hosted_zone_dnssec" "this" {
  count = var.dnssec ? 1 : 0

  hosted_zone_id = aws_route53_key_signing_key.this[0].hosted_zone_id
}
