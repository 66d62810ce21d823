# What is written here is in the DR region minutes later. Journals and leases are of the moment: they stay.

resource "aws_iam_role" "replication" {
  name = "${local.name}-replication"
  path = "/bbws/${var.environment}/"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "replication" {
  name = "replicate"
  role = aws_iam_role.replication.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
        Resource = aws_s3_bucket.artifacts.arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
        Resource = "${aws_s3_bucket.artifacts.arn}/*"
      },
      {
        Effect   = "Allow"
        Action   = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"]
        Resource = "${aws_s3_bucket.replica.arn}/*"
      },
      { Effect = "Allow", Action = "kms:Decrypt", Resource = var.key_arn },
      { Effect = "Allow", Action = "kms:Encrypt", Resource = var.dr_key_arn },
    ]
  })
}

resource "aws_s3_bucket_replication_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id
  role   = aws_iam_role.replication.arn

  rule {
    id       = "tenants"
    priority = 1
    status   = "Enabled"

    filter {
      prefix = "tenants/"
    }

    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    # Whoever deletes by mistake here finds it there.
    delete_marker_replication {
      status = "Disabled"
    }

    destination {
      bucket        = aws_s3_bucket.replica.arn
      storage_class = "STANDARD_IA"

      encryption_configuration {
        replica_kms_key_id = var.dr_key_arn
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.artifacts, aws_s3_bucket_versioning.replica]
}
