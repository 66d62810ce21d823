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
  cell           = "a"
  backup         = "daily"
  subnets        = { "af-south-1a" = "subnet-1", "af-south-1b" = "subnet-2" }
  security_group = "sg-1"
  key_arn        = "arn:aws:kms:af-south-1:111111111111:key/k"
}

run "encrypted_and_in_every_zone" {
  command = plan

  assert {
    condition     = aws_efs_file_system.this.encrypted && aws_efs_file_system.this.throughput_mode == "elastic"
    error_message = "The file system must be encrypted and elastic."
  }
  assert {
    condition     = length(aws_efs_mount_target.this) == 2
    error_message = "Each zone needs a mount target."
  }
  assert {
    condition     = length(aws_efs_replication_configuration.this) == 0
    error_message = "A replica is a choice."
  }
}

run "replicated_by_choice" {
  command = plan
  variables {
    replica = { region = "eu-west-1", key_arn = "arn:aws:kms:eu-west-1:111111111111:key/k" }
  }

  assert {
    condition     = aws_efs_replication_configuration.this[0].destination[0].region == "eu-west-1"
    error_message = "The replica must be in the DR region."
  }
}

run "a_cells_name_is_a_short_word" {
  command = plan
  variables {
    cell = "a-cell"
  }
  expect_failures = [var.cell]
}
