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

variable "backup" {
  description = "The backup plan that takes it: `hourly` or `daily`."
  type        = string
}

variable "subnets" {
  description = "Subnets of the mount targets, one a zone, by a name known before they exist."
  type        = map(string)
}

variable "security_group" {
  description = "Group of what tasks alone may reach."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the files."
  type        = string
}

variable "replica" {
  description = "Region and key of a replica that is minutes behind, or null for backups alone. It costs the same storage again."
  type        = object({ region = string, key_arn = string })
  default     = null
}
