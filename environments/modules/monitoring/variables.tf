variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "key_arn" {
  description = "KMS key of the topic."
  type        = string
}

variable "emails" {
  description = "Who is told of alarms. Each has to confirm once."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", email))])
    error_message = "emails must be e-mail addresses."
  }
}

variable "cells" {
  description = "By letter: what the metrics of the cell's parts are found by, and how much storage is too little (GiB)."
  type = map(object({
    database      = string
    load_balancer = string
    file_system   = string
    low_storage   = number
  }))
}

variable "cluster" {
  description = "Name of the ECS cluster."
  type        = string
}

variable "job_log_group" {
  description = "Log group of the administrative jobs."
  type        = string
}

variable "cost_anomaly" {
  description = "US dollars above the expected at which an unusual cost is told, or 0. An account has room for one monitor of services."
  type        = number
  default     = 0

  validation {
    condition     = var.cost_anomaly >= 0
    error_message = "cost_anomaly must not be negative."
  }
}
