variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "key_arn" {
  description = "KMS key of the vault."
  type        = string
}

variable "dr_key_arn" {
  description = "KMS key of the vault in the DR region."
  type        = string
}

variable "isolated_vault_arn" {
  description = "A vault of another account that gets the daily copies, out of reach of whoever takes this one over; null for none."
  type        = string
  default     = null
}

variable "retention_days" {
  description = "Days for which hourly and daily recovery points are kept, here and in the DR region."
  type        = object({ hourly = number, daily = number })
  default     = { hourly = 3, daily = 35 }

  validation {
    condition     = var.retention_days.hourly >= 2 && var.retention_days.daily >= 7
    error_message = "retention_days must be 2 at least for hourly and 7 for daily recovery points."
  }
}

variable "restore_testing" {
  description = "Whether AWS Backup restores a recovery point every week to see that it can. It costs the restored database's hours."
  type        = bool
}

variable "protected" {
  description = "Whether the vaults are locked: recovery points cannot be deleted before their time."
  type        = bool
  default     = true
}
