# The foundation of prod. Account, region, domain and the choices that cost money are those of environment.yaml, which
# the runner reads too.

terraform {
  required_version = "~> 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # The bucket is made once by hand: see docs/foundation.md.
  backend "s3" {
    bucket       = "bbws-prod-terraform-333333333333"
    key          = "foundation.tfstate"
    region       = "af-south-1"
    encrypt      = true
    use_lockfile = true
  }
}

locals {
  manifest = yamldecode(file("${path.module}/environment.yaml"))
  tags     = { "bbws:environment" = "prod", "bbws:managed-by" = "foundation" }
}

provider "aws" {
  region              = local.manifest.region
  allowed_account_ids = [local.manifest.account]

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias               = "dr"
  region              = "eu-west-1"
  allowed_account_ids = [local.manifest.account]

  default_tags {
    tags = local.tags
  }
}

# CloudFront's certificates, functions and web ACLs live in us-east-1.
provider "aws" {
  alias               = "edge"
  region              = "us-east-1"
  allowed_account_ids = [local.manifest.account]

  default_tags {
    tags = local.tags
  }
}

module "environment" {
  source    = "../modules/environment"
  providers = { aws = aws, aws.dr = aws.dr, aws.edge = aws.edge }

  environment = "prod"
  domain      = local.manifest.domain
  cidr        = "10.22.0.0/16"
  choices     = try(local.manifest.foundation, {})
  backup      = { plan = "hourly", retention_days = 35 }

  protected       = true
  watch           = { guardduty = true, config = true, cloudtrail = true }
  monthly_budget  = 2500
  cost_anomaly    = 100
  alarm_emails    = []
  dnssec          = true
  dr              = { replicate_files = true }
  restore_testing = true
  image_sources   = ["222222222222"]
  github          = { owner = "example", name = "fleet" }
}
