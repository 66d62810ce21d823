variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "key_arn" {
  description = "KMS key of the artifacts."
  type        = string
}

variable "dr_key_arn" {
  description = "KMS key of their replicas in the DR region."
  type        = string
}

variable "protected" {
  description = "Whether Terraform refuses to delete buckets that hold anything."
  type        = bool
  default     = true
}
