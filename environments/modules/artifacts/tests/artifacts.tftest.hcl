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
  alias = "dr"
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  environment = "dev"
  key_arn     = "arn:aws:kms:af-south-1:111111111111:key/k"
  dr_key_arn  = "arn:aws:kms:eu-west-1:111111111111:key/k"
}

run "nothing_is_public_and_everything_is_kept" {
  command = plan

  assert {
    condition = alltrue([for block in [aws_s3_bucket_public_access_block.artifacts, aws_s3_bucket_public_access_block.replica, aws_s3_bucket_public_access_block.logs] :
    block.block_public_acls && block.ignore_public_acls && block.block_public_policy && block.restrict_public_buckets])
    error_message = "Every bucket must be closed to the public."
  }
  assert {
    condition     = alltrue([for v in [aws_s3_bucket_versioning.artifacts, aws_s3_bucket_versioning.replica] : v.versioning_configuration[0].status == "Enabled"])
    error_message = "Artifacts and their replica must be versioned."
  }
  assert {
    condition     = !aws_s3_bucket.artifacts.force_destroy && !aws_s3_bucket.replica.force_destroy
    error_message = "Full buckets must not be deleted unless chosen so."
  }
  assert {
    condition     = aws_s3_bucket.artifacts.bucket == "bbws-dev-artifacts-111111111111"
    error_message = "Bucket names carry the account, to be the world's only ones."
  }
}

run "replicas_keep_what_is_deleted" {
  command = plan

  assert {
    condition     = aws_s3_bucket_replication_configuration.artifacts.rule[0].delete_marker_replication[0].status == "Disabled"
    error_message = "A deletion must not reach the replica."
  }
}

run "an_unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "staging"
  }
  expect_failures = [var.environment]
}
