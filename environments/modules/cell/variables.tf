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
  description = "The backup plan of database and files: `hourly` or `daily`."
  type        = string

  validation {
    condition     = contains(["hourly", "daily"], var.backup)
    error_message = "backup must be hourly or daily."
  }
}

variable "network" {
  description = "Where it lies: subnets of the tiers in the order of `zones`, and the tiers' security groups."
  type = object({
    zones            = list(string)
    public_subnets   = list(string)
    isolated_subnets = list(string)
    security_groups  = map(string)
  })
}

variable "zone" {
  description = "The environment's Route 53 zone."
  type        = object({ id = string, name = string })
}

variable "log_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "key_arn" {
  description = "The environment's KMS key."
  type        = string
}

variable "replica" {
  description = "Region and key of the file system's replica, or null."
  type        = object({ region = string, key_arn = string })
  default     = null
}

variable "origin_secret" {
  description = "What the origin header must carry, taken when the secret is made and ignored afterwards."
  type        = string
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.origin_secret) >= 32
    error_message = "origin_secret must have 32 characters at least."
  }
}

variable "protected" {
  description = "Whether its parts refuse to be deleted."
  type        = bool
  default     = true
}
