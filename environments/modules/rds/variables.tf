variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "cell" {
  description = "The cell's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,7}$", var.cell))
    error_message = "cell must be at most 8 small letters and digits, a letter first."
  }
}

variable "instance_class" {
  description = "Size of the database instance."
  type        = string

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must be one of RDS, such as db.t4g.small."
  }
}

variable "storage_gib" {
  description = "Storage at first and at most: it grows by itself in between. GiB."
  type        = object({ initial = number, maximum = number })
  default     = { initial = 20, maximum = 200 }

  validation {
    condition     = var.storage_gib.initial >= 20 && var.storage_gib.maximum >= ceil(var.storage_gib.initial * 1.1)
    error_message = "storage_gib starts at 20 or more, and its maximum is a tenth above its initial size at least: RDS refuses less."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over, at twice the price."
  type        = bool
}

variable "backup_retention_days" {
  description = "Days to which the database can be taken back, to the second."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_retention_days >= 7 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be 7 to 35."
  }
}

variable "backup" {
  description = "The backup plan that takes it: `hourly` or `daily`."
  type        = string
}

variable "subnets" {
  description = "Isolated subnets, in two zones at least."
  type        = list(string)
}

variable "security_group" {
  description = "Group of what tasks alone may reach."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the storage and of the administrator's secret. A customer's own: snapshots under AWS's key cannot be copied to another account."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which the error log and the slow query log are kept."
  type        = number
  default     = 365
}

variable "protected" {
  description = "Whether it refuses to be deleted, and leaves a final snapshot when it is."
  type        = bool
  default     = true
}
