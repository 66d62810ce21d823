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
  callback_urls = ["https://console.dev.example.com/signed-in"]
}

run "strong_passwords_second_factor_and_invitation" {
  command = plan

  assert {
    condition     = aws_cognito_user_pool.this.mfa_configuration == "ON" && aws_cognito_user_pool.this.software_token_mfa_configuration[0].enabled
    error_message = "Everybody needs a second factor."
  }
  assert {
    condition     = aws_cognito_user_pool.this.password_policy[0].minimum_length >= 12 && aws_cognito_user_pool.this.password_policy[0].password_history_size > 0
    error_message = "Passwords must be long, and new."
  }
  assert {
    condition     = aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Nobody may sign up by themselves."
  }
  assert {
    condition     = toset(keys(aws_cognito_user_group.this)) == toset(["Admins", "Operators", "Viewers"])
    error_message = "There are three groups."
  }
}

run "people_do_not_choose_their_tenant" {
  command = plan

  assert {
    condition     = !contains(aws_cognito_user_pool_client.console[0].write_attributes, "custom:tenant_id") && !contains(aws_cognito_user_pool_client.console[0].write_attributes, "custom:role")
    error_message = "Tenant and role are written by administrators alone."
  }
}

run "plain_http_is_refused" {
  command = plan
  variables {
    callback_urls = ["http://console.dev.example.com/"]
  }
  expect_failures = [var.callback_urls]
}
