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
  environment    = "prod"
  cell           = "a"
  instance_class = "db.t4g.medium"
  multi_az       = true
  backup         = "hourly"
  subnets        = ["subnet-1", "subnet-2"]
  security_group = "sg-1"
  key_arn        = "arn:aws:kms:af-south-1:111111111111:key/k"
}

run "encrypted_private_and_protected" {
  command = plan

  assert {
    condition     = aws_db_instance.this.storage_encrypted && !aws_db_instance.this.publicly_accessible && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "The database must be encrypted, private and protected by default."
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS keeps the administrator's password."
  }
  assert {
    condition     = one([for p in aws_db_parameter_group.this.parameter : p.value if p.name == "require_secure_transport"]) == "1"
    error_message = "Connections must be encrypted."
  }
}

run "disposable_by_choice" {
  command = plan
  variables {
    protected = false
    multi_az  = false
  }

  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.multi_az
    error_message = "A disposable environment can be destroyed."
  }
}

run "storage_must_be_able_to_grow" {
  command = plan
  variables {
    storage_gib = { initial = 100, maximum = 100 }
  }
  expect_failures = [var.storage_gib]
}

run "a_week_of_history_at_least" {
  command = plan
  variables {
    backup_retention_days = 1
  }
  expect_failures = [var.backup_retention_days]
}

run "a_size_of_ec2_is_refused" {
  command = plan
  variables {
    instance_class = "t4g.small"
  }
  expect_failures = [var.instance_class]
}
