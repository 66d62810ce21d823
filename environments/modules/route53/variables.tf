variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "domain" {
  description = "The zone's name, without a trailing dot."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z][a-z0-9-]*[a-z0-9]$", var.domain))
    error_message = "domain must be a domain name in small letters, without a trailing dot."
  }
}

variable "dnssec" {
  description = "Whether the zone is signed. Its DS record must then be put into the parent zone by hand: see docs/foundation.md."
  type        = bool
}

variable "protected" {
  description = "Whether Terraform refuses to delete a zone that holds records."
  type        = bool
  default     = true
}
