mock_provider "aws" {
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111111111111:policy/bbws/github/bbws-dev-github-examine" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "af-south-1" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  environment      = "dev"
  repository       = { owner = "example", name = "fleet", owner_id = 11, id = 22 }
  artifacts_bucket = "bbws-dev-artifacts-111111111111"
  key_arn          = "arn:aws:kms:af-south-1:111111111111:key/mrk-1"
  cluster_arn      = "arn:aws:ecs:af-south-1:111111111111:cluster/bbws-dev"
  pool_id          = "af-south-1_pool"
  zone_id          = "Z1"
  repository_arns  = ["arn:aws:ecr:af-south-1:111111111111:repository/bbws/wordpress"]

  job = {
    execution_role_arn = "arn:aws:iam::111111111111:role/bbws/dev/bbws-dev-job-execution"
    task_role_arn      = "arn:aws:iam::111111111111:role/bbws/dev/bbws-dev-job-task"
  }

  dr = {
    region          = "eu-west-1"
    bucket          = "bbws-dev-artifacts-replica-111111111111"
    key_arn         = "arn:aws:kms:eu-west-1:111111111111:key/mrk-1"
    backup_role_arn = "arn:aws:iam::111111111111:role/bbws/dev/bbws-dev-backup"
  }
}

run "only_one_repository_in_one_environment_is_trusted" {
  assert {
    condition = alltrue([for name, wanted in { plan = "dev-plan", apply = "dev", dr = "dev-dr" } :
      jsondecode(aws_iam_role.this[name].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
    == ["repo:example/fleet:environment:${wanted}", "repo:example@11/fleet@22:environment:${wanted}"]])
    error_message = "A role must trust exactly its GitHub environment, in both forms of the subject."
  }

  assert {
    condition = jsondecode(aws_iam_role.this["promote"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
      for pair in setproduct(["repo:example/fleet", "repo:example@11/fleet@22"], ["dev", "sit", "prod"]) : "${pair[0]}:environment:${pair[1]}-promote"
    ]
    error_message = "What promotes from here is decided where it goes: above."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : !strcontains(role.assume_role_policy, "*")])
    error_message = "Trust must have no wildcard."
  }
}

run "nothing_below_promotes_out_of_production" {
  variables {
    environment = "prod"
    repository  = { owner = "example", name = "fleet" }
  }

  assert {
    condition     = jsondecode(aws_iam_role.this["promote"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:example/fleet:environment:prod-promote"]
    error_message = "A job of a lower environment must not read production."
  }
}

run "a_repository_without_ids_has_the_old_form_alone" {
  variables {
    repository = { owner = "example", name = "fleet" }
  }

  assert {
    condition     = jsondecode(aws_iam_role.this["plan"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:example/fleet:environment:dev-plan"]
    error_message = "Without ids there is one form."
  }
}

run "no_role_may_do_everything" {
  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.this : [for statement in jsondecode(policy.policy).Statement :
    [for action in flatten([statement.Action]) : !strcontains(action, "*")]]]))
    error_message = "No action may have a wildcard."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.this : length(policy.policy) < 10240])
    error_message = "IAM takes 10,240 characters of inline policies a role."
  }
}

run "plan_writes_nothing" {
  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.this["plan"].policy).Statement :
      [for action in flatten([statement.Action]) :
    can(regex("^[a-z0-9-]+:(Get|List|Describe|View|BatchGet|BatchCheck|Decrypt)", action))]]))
    error_message = "Plan must only read."
  }

  assert {
    condition = alltrue(flatten([for statement in local.examine :
    [for action in flatten([statement.Action]) : can(regex("^[a-z0-9-]+:(Get|Describe|List|Simulate)", action))]]))
    error_message = "Doctor and audit must only look."
  }
}

run "apply_passes_roles_to_tasks_alone_and_leaves_those_of_jobs" {
  assert {
    condition = alltrue([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement :
    statement.Condition.StringEquals["iam:PassedToService"] == "ecs-tasks.amazonaws.com" if flatten([statement.Action])[0] == "iam:PassRole"])
    error_message = "Roles are passed to tasks alone."
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_iam_role_policy.this["apply"].policy).Statement :
    statement.Effect == "Deny" && contains(flatten([statement.Action]), "iam:PutRolePolicy") && contains(flatten([statement.Resource]), var.job.task_role_arn)])
    error_message = "The jobs' roles must be Terraform's alone."
  }
}

run "promote_runs_no_administrative_job" {
  assert {
    condition = anytrue([for statement in jsondecode(aws_iam_role_policy.this["promote"].policy).Statement :
    statement.Effect == "Deny" && statement.Action == "iam:PassRole" && contains(flatten([statement.Resource]), var.job.task_role_arn)])
    error_message = "Promote must not act as the jobs that reach all databases."
  }

  assert {
    condition = alltrue(flatten([for statement in jsondecode(aws_iam_role_policy.this["promote"].policy).Statement :
    [for action in flatten([statement.Action]) : !contains(["ecs:UpdateService", "ecs:RegisterTaskDefinition"], action)]]))
    error_message = "What serves a site is changed by apply alone."
  }
}

run "a_wildcard_is_no_repository" {
  command = plan

  variables {
    repository = { owner = "*", name = "fleet" }
  }

  expect_failures = [var.repository]
}
