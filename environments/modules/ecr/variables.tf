variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "repository" {
  description = "Name of the repository."
  type        = string
  default     = "bbws/wordpress"
}

variable "key_arn" {
  description = "KMS key of the images."
  type        = string
}

variable "pull_accounts" {
  description = "Accounts that may pull: those to which images are promoted."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.pull_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "pull_accounts must be account ids of twelve digits."
  }
}

variable "dr_region" {
  description = "Region to which images are copied. Each GB costs $0.10 a month there."
  type        = string
}

variable "protected" {
  description = "Whether Terraform refuses to delete a repository that holds images."
  type        = bool
  default     = true
}
