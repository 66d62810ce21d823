variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "key_arn" {
  description = "KMS key of logs, sessions and secrets."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which logs of jobs and sessions are kept."
  type        = number
  default     = 365
}

variable "repository_arn" {
  description = "The ECR repository from which jobs are pulled."
  type        = string
}

variable "artifacts_bucket" {
  description = "Bucket to which jobs write their outcomes."
  type        = string
}

variable "admin_secret_arns" {
  description = "Secrets of the cells' database administrators."
  type        = list(string)
}
