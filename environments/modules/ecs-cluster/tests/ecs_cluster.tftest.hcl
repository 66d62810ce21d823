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
  environment       = "dev"
  key_arn           = "arn:aws:kms:af-south-1:111111111111:key/k"
  repository_arn    = "arn:aws:ecr:af-south-1:111111111111:repository/bbws/wordpress"
  artifacts_bucket  = "bbws-dev-artifacts-111111111111"
  admin_secret_arns = ["arn:aws:secretsmanager:af-south-1:111111111111:secret:rds!db-1-abcdef"]
}

run "both_kinds_of_capacity_insights_and_recorded_sessions" {
  command = plan

  assert {
    condition     = toset(aws_ecs_cluster_capacity_providers.this.capacity_providers) == toset(["FARGATE", "FARGATE_SPOT"])
    error_message = "Sites may run on Fargate and on Fargate Spot."
  }
  assert {
    condition     = one(aws_ecs_cluster.this.setting).value == "enabled"
    error_message = "Container Insights must be on."
  }
  assert {
    condition     = aws_ecs_cluster.this.configuration[0].execute_command_configuration[0].logging == "OVERRIDE"
    error_message = "Shells in containers must be recorded."
  }
}

run "jobs_may_do_their_work_alone" {
  command = plan

  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.task.policy).Statement :
    !contains(flatten([statement.Resource]), "*")])
    error_message = "A job's own role names every resource."
  }
  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement :
    !contains(flatten([statement.Resource]), "*") || statement.Action == "ecr:GetAuthorizationToken"])
    error_message = "ECS may do on every resource what IAM cannot confine, and nothing else."
  }
  assert {
    condition     = jsondecode(aws_iam_role.task.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111111111111"
    error_message = "Only tasks of this account take the role."
  }
}

run "an_unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "staging"
  }
  expect_failures = [var.environment]
}
