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


variable "subnets" {
  description = "Public subnets, in two zones at least."
  type        = list(string)
}

variable "security_group" {
  description = "Group that lets CloudFront in."
  type        = string
}

variable "zone" {
  description = "The environment's Route 53 zone, in which the origin gets its name."
  type        = object({ id = string, name = string })
}

variable "log_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the origin header's secret."
  type        = string
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
  description = "Whether it refuses to be deleted."
  type        = bool
  default     = true
}
