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
  environment   = "dev"
  key_arn       = "arn:aws:kms:af-south-1:111111111111:key/k"
  dr_region     = "eu-west-1"
  pull_accounts = ["222222222222"]
}

run "images_are_immutable_scanned_and_encrypted" {
  command = plan

  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "A tag must stay what it was scanned as."
  }
  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].encryption_type == "KMS"
    error_message = "Images are encrypted with the environment's key."
  }
}

run "others_may_pull_and_nothing_else" {
  command = plan

  assert {
    condition = !anytrue([for action in jsondecode(aws_ecr_repository_policy.this[0].policy).Statement[0].Action :
    length(regexall("Put|Upload|Delete|\\*", action)) > 0])
    error_message = "Another account must not write."
  }
}

run "nobody_may_pull_by_default" {
  command = plan
  variables {
    pull_accounts = []
  }

  assert {
    condition     = length(aws_ecr_repository_policy.this) == 0
    error_message = "Without accounts there is no policy."
  }
}

run "a_name_is_no_account" {
  command = plan
  variables {
    pull_accounts = ["sit"]
  }
  expect_failures = [var.pull_accounts]
}
