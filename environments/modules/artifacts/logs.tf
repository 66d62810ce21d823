# Load balancers write to buckets encrypted with S3's own keys only (ELB User Guide, "Access logs").

data "aws_elb_service_account" "this" {}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_144:Logs are read here; what must survive the region is in the artifacts.
  #checkov:skip=CKV_AWS_145:Load balancers cannot write with a customer's key.
  #checkov:skip=CKV_AWS_18:It holds the access logs of the others; its own would never end.
  #checkov:skip=CKV2_AWS_62:Nothing waits for its objects.
  bucket        = "${local.name}-logs-${local.account}"
  force_destroy = !var.protected
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "old"
    status = "Enabled"
    filter {}
    expiration {
      days = 365
    }
    noncurrent_version_expiration {
      noncurrent_days = 7
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  depends_on = [aws_s3_bucket_versioning.logs]
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      merge(local.only_tls, { Resource = [aws_s3_bucket.logs.arn, "${aws_s3_bucket.logs.arn}/*"] }),
      {
        # af-south-1 is one of the regions whose load balancers write as an account of AWS's.
        Sid       = "LoadBalancers"
        Effect    = "Allow"
        Principal = { AWS = data.aws_elb_service_account.this.arn }
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.logs.arn}/alb/*"
      },
      {
        Sid       = "Services"
        Effect    = "Allow"
        Principal = { Service = ["logging.s3.amazonaws.com", "cloudtrail.amazonaws.com", "config.amazonaws.com"] }
        Action    = "s3:PutObject"
        Resource  = [for prefix in ["s3", "cloudtrail", "config"] : "${aws_s3_bucket.logs.arn}/${prefix}/*"]
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "ServicesLookFirst"
        Effect    = "Allow"
        Principal = { Service = ["cloudtrail.amazonaws.com", "config.amazonaws.com"] }
        Action    = "s3:GetBucketAcl"
        Resource  = aws_s3_bucket.logs.arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.logs]
}
