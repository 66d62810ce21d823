variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "topic_arn" {
  description = "SNS topic of alarms, which tells of the budget."
  type        = string
}

variable "monthly_budget" {
  description = "US dollars a month for the whole account; 0 makes no budget."
  type        = number

  validation {
    condition     = var.monthly_budget >= 0
    error_message = "monthly_budget must not be negative."
  }
}

variable "log_bucket" {
  description = "Bucket of CloudTrail's and Config's files."
  type        = string
}

variable "guardduty" {
  description = "Whether GuardDuty watches the account. Leave it out where an organization's administrator switches it on."
  type        = bool
}

variable "config" {
  description = "Whether AWS Config records changes. One recorder an account and region: leave it out where one exists."
  type        = bool
}

variable "cloudtrail" {
  description = "Whether the account has a trail of its own. Leave it out where an organization's trail covers it."
  type        = bool
}
