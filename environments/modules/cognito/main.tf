# The people who run the environment and its tenants. Nobody signs up: they are invited.

locals {
  name = "bbws-${var.environment}"

  groups = {
    Admins    = { precedence = 10, description = "May do everything" }
    Operators = { precedence = 20, description = "May change tenants' sites" }
    Viewers   = { precedence = 30, description = "May look" }
  }
}

resource "aws_cognito_user_pool" "this" {
  name                     = local.name
  user_pool_tier           = "ESSENTIALS" # password history needs it
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = "ON"
  deletion_protection      = var.protected ? "ACTIVE" : "INACTIVE"

  username_configuration {
    case_sensitive = false
  }

  software_token_mfa_configuration {
    enabled = true
  }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_uppercase                = true
    require_numbers                  = true
    require_symbols                  = true
    password_history_size            = 5
    temporary_password_validity_days = 3
  }

  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  schema {
    name                = "tenant_id"
    attribute_data_type = "String"
    mutable             = true

    string_attribute_constraints {
      min_length = "0"
      max_length = "20"
    }
  }

  schema {
    name                = "role"
    attribute_data_type = "String"
    mutable             = true

    string_attribute_constraints {
      min_length = "0"
      max_length = "32"
    }
  }
}

resource "aws_cognito_user_group" "this" {
  for_each = local.groups

  user_pool_id = aws_cognito_user_pool.this.id
  name         = each.key
  description  = each.value.description
  precedence   = each.value.precedence
}

resource "aws_cognito_user_pool_client" "console" {
  count = length(var.callback_urls) > 0 ? 1 : 0

  user_pool_id                         = aws_cognito_user_pool.this.id
  name                                 = "${local.name}-console"
  generate_secret                      = true
  prevent_user_existence_errors        = "ENABLED"
  enable_token_revocation              = true
  explicit_auth_flows                  = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid", "email", "profile"]
  supported_identity_providers         = ["COGNITO"]
  callback_urls                        = var.callback_urls

  # People read what they are; only administrators write it.
  read_attributes  = ["email", "email_verified", "name", "custom:tenant_id", "custom:role"]
  write_attributes = ["email", "name"]

  access_token_validity  = 60
  id_token_validity      = 60
  refresh_token_validity = 1

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}
